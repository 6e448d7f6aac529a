#!/usr/bin/env bash
# Makes the packages of a binary: `make package` calls `build.sh BINARY FOLDER`.
# FOLDER gets a tarball, a .deb, the symbols, an SBOM and the checksums of all of them.
set -euo pipefail
binary=$(realpath "$1")
out=$2
cd "$(dirname "$0")/../.."
here=deploy/package
version=$("$binary" --version | cut -d' ' -f2)
architecture=$(dpkg --print-architecture)
name=sessiond-$version-linux-$architecture
# The same commit gives the same archives.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
umask 022
rm -rf "$out"
mkdir -p "$out"
out=$(realpath "$out")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

pack() { # pack ARCHIVE FOLDER NAME
	tar --create --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
		--directory "$2" "$3" | gzip --no-name > "$1"
}

# A debugger finds the symbols by the build id or by the name in the link.
mkdir -p "$work/$name" "$work/$name-symbols"
objcopy --only-keep-debug "$binary" "$work/$name-symbols/sessiond.debug"
objcopy --strip-all --add-gnu-debuglink="$work/$name-symbols/sessiond.debug" "$binary" \
	"$work/$name/sessiond"
pack "$out/$name-symbols.tar.gz" "$work" "$name-symbols"

tree=$work/$name
"$tree/sessiond" man > "$tree/sessiond.1"
mkdir "$tree/completions"
for shell in bash zsh fish; do
	"$tree/sessiond" completions "$shell" > "$tree/completions/sessiond.$shell"
done
cp .env.example "$tree/env.example"
cp deploy/settings.toml deploy/settings.schema.json "$tree"
cp -r README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT docs "$tree"
cp "$here/sessiond.service" "$here/sysusers.conf" "$tree"
python3 "$here/sbom.py" > "$out/$name.cdx.json"
pack "$out/$name.tar.gz" "$work" "$name"

root=$work/root
doc=$root/usr/share/doc/sessiond
install -D -m 755 "$tree/sessiond" "$root/usr/bin/sessiond"
install -D -m 644 "$here/sessiond.service" "$root/lib/systemd/system/sessiond.service"
install -D -m 644 "$here/sysusers.conf" "$root/usr/lib/sysusers.d/sessiond.conf"
install -D -m 644 "$here/sessiond.env" "$root/etc/sessiond/sessiond.env"
install -D -m 644 "$tree/completions/sessiond.bash" "$root/usr/share/bash-completion/completions/sessiond"
install -D -m 644 "$tree/completions/sessiond.zsh" "$root/usr/share/zsh/vendor-completions/_sessiond"
install -D -m 644 "$tree/completions/sessiond.fish" "$root/usr/share/fish/vendor_completions.d/sessiond.fish"
install -D -m 644 "$tree/sessiond.1" "$root/usr/share/man/man1/sessiond.1"
gzip --no-name --best "$root/usr/share/man/man1/sessiond.1"
install -D -m 644 .env.example "$doc/env.example"
install -D -m 644 deploy/settings.toml "$doc/settings.toml"
install -D -m 644 deploy/settings.schema.json "$doc/settings.schema.json"
install -D -m 644 "$out/$name.cdx.json" "$doc/sbom.cdx.json"
cat LICENSE-MIT LICENSE-APACHE > "$doc/copyright"
mkdir -p "$root/DEBIAN" "$work/debian"
printf '/etc/sessiond/sessiond.env\n' > "$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do
	install -m 755 "$here/$script" "$root/DEBIAN/$script"
done
# The C library that the binary needs. dpkg-shlibdeps wants to be called in a source package.
touch "$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O "$root/usr/bin/sessiond" 2>/dev/null |
	sed -n 's/^shlibs:Depends=//p')
size=$(du --summarize --apparent-size --block-size=1024 "$root" | cut -f1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$size/" \
	-e "s/@DEPENDS@/$depends/" "$here/control" > "$root/DEBIAN/control"
dpkg-deb --root-owner-group -Zgzip --build "$root" "$out/sessiond_${version}_$architecture.deb" >/dev/null

cd "$out"
sha256sum -- * > SHA256SUMS
ls -l --human-readable
