//! The programs that run the recipes.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use sessiond_test_support::within_deadline;
use tokio::net::TcpStream;

/// A gateway that has a recipe.
#[derive(Debug, Clone, Copy)]
pub enum Program {
    Nginx,
    Caddy,
    Haproxy,
    Envoy,
}

/// The addresses that replace those of a recipe. Each of them is on the loopback interface.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    pub public: SocketAddr,
    pub sessiond: SocketAddr,
    pub application: SocketAddr,
}

/// A program that runs a recipe. It is killed when it is dropped.
pub struct RunningProgram {
    process: Child,
    log: PathBuf,
}

impl Program {
    /// The path of the program: the variable that `make gateways` sets, or its name.
    fn path(self) -> String {
        let (variable, name) = match self {
            Self::Nginx => ("NGINX", "nginx"),
            Self::Caddy => ("CADDY", "caddy"),
            Self::Haproxy => ("HAPROXY", "haproxy"),
            Self::Envoy => ("ENVOY", "envoy"),
        };
        std::env::var(variable).unwrap_or_else(|_| name.to_owned())
    }

    fn recipe(self) -> &'static str {
        match self {
            Self::Nginx => "nginx.conf",
            Self::Caddy => "Caddyfile",
            Self::Haproxy => "haproxy.cfg",
            Self::Envoy => "envoy.yaml",
        }
    }

    /// Starts the program in the foreground with its recipe. Waits until it accepts connections.
    pub async fn start(self, addresses: Addresses, folder: &Path) -> RunningProgram {
        let recipe = folder.join(self.recipe());
        fs::write(&recipe, self.render(addresses)).unwrap();
        let mut command = Command::new(self.path());
        match self {
            Self::Nginx => {
                let main = folder.join("main.conf");
                fs::write(&main, nginx_main(folder, &recipe)).unwrap();
                command.arg("-c").arg(main).args(["-e", "stderr"]);
            }
            Self::Caddy => {
                command.args(["run", "--adapter", "caddyfile", "--config"]);
                command.arg(recipe).env("HOME", folder);
            }
            Self::Haproxy => {
                command.arg("-db").arg("-f").arg(recipe);
            }
            Self::Envoy => {
                command.arg("-c").arg(recipe);
                command.args(["--disable-hot-restart", "--concurrency", "1"]);
                command.args(["--log-level", "warning"]);
            }
        }
        let log = folder.join("log");
        let output = File::create(&log).unwrap();
        let process = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", self.path()));
        let mut program = RunningProgram { process, log };
        program.wait_until_it_accepts(addresses.public).await;
        program
    }

    /// The recipe with the addresses of the test.
    fn render(self, addresses: Addresses) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/gateways");
        let recipe = fs::read_to_string(folder.join(self.recipe())).unwrap();
        let public = addresses.public;
        let (sessiond, application) = (addresses.sessiond, addresses.application);
        let replacements = match self {
            Self::Envoy => vec![
                ("0.0.0.0, port_value: 8080", address_fields(public)),
                ("127.0.0.1, port_value: 3000", address_fields(sessiond)),
                ("127.0.0.1, port_value: 8000", address_fields(application)),
            ],
            Self::Nginx => vec![
                ("listen 8080", format!("listen {public}")),
                ("127.0.0.1:3000", sessiond.to_string()),
                ("127.0.0.1:8000", application.to_string()),
            ],
            Self::Haproxy => vec![
                ("bind :8080", format!("bind {public}")),
                ("127.0.0.1:3000", sessiond.to_string()),
                ("127.0.0.1:8000", application.to_string()),
                ("/etc/haproxy", folder.display().to_string()),
            ],
            Self::Caddy => vec![
                ("\n:8080 {", caddy_site(public)),
                ("127.0.0.1:3000", sessiond.to_string()),
                ("127.0.0.1:8000", application.to_string()),
            ],
        };
        replacements
            .into_iter()
            .fold(recipe, |recipe, (old, new)| replace(&recipe, old, &new))
    }
}

fn address_fields(address: SocketAddr) -> String {
    format!("{}, port_value: {}", address.ip(), address.port())
}

/// The begin of the recipe's site. Without `admin off`, all tests would use one port for the
/// administration.
fn caddy_site(public: SocketAddr) -> String {
    let (ip, port) = (public.ip(), public.port());
    format!("\n{{\n\tadmin off\n\tdefault_bind {ip}\n}}\n:{port} {{")
}

fn replace(recipe: &str, old: &str, new: &str) -> String {
    assert!(recipe.contains(old), "the recipe has no {old:?}");
    recipe.replace(old, new)
}

/// A main configuration that includes the recipe. All files are in the folder of the test, and one
/// process does everything, so that killing it leaves nothing behind.
fn nginx_main(folder: &Path, recipe: &Path) -> String {
    let folder = folder.display();
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {folder}/{name};"));
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nevents {{}}\n\
         http {{\naccess_log off;\n{}\ninclude {};\n}}\n",
        paths.join("\n"),
        recipe.display()
    )
}

impl RunningProgram {
    async fn wait_until_it_accepts(&mut self, address: SocketAddr) {
        within_deadline(async {
            while TcpStream::connect(address).await.is_err() {
                if let Some(status) = self.process.try_wait().unwrap() {
                    panic!("the gateway exited with {status}");
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("The log of the gateway:\n{log}");
        }
    }
}
