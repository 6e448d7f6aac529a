//! The playground is held in the binary, so a new build of it is a new build of the binary.

fn main() {
    println!("cargo::rerun-if-changed=playground/dist");
}
