#!/bin/sh
# Makes Debian packages of the built programs: packaging/build.sh PROGRAMS OUT. The same programs and
# commit give the same bytes.
set -eu
cd "$(dirname "$0")"
programs=$1 out=$2
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' ../Cargo.toml)
architecture=$(dpkg --print-architecture)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH
mkdir -p "$out"

# package FOLDER NAME PROGRAM [MODELS]
package() {
    root=$(mktemp -d)
    install -Dsm 0755 "$programs/$3" "$root/usr/bin/$3"
    install -Dm 0644 "$1/$3.service" "$root/lib/systemd/system/$3.service"
    install -Dm 0644 README.md "$root/usr/share/doc/$2/README.md"
    cat ../LICENSE-MIT ../LICENSE-APACHE >"$root/usr/share/doc/$2/copyright"
    [ -z "${4-}" ] || install -Dm 0644 -t "$root/usr/share/$2/models" "$4"/*.onnx "$4"/*.md "$4/manifest.toml"
    mkdir -p "$root/DEBIAN"
    for file in "$1"/*.toml*; do
        install -Dm 0644 "$file" "$root/etc/$2/$(basename "$file")"
        echo "/etc/$2/$(basename "$file")" >>"$root/DEBIAN/conffiles"
    done
    install -m 0755 "$1/postinst" "$root/DEBIAN/postinst"
    for script in prerm postrm; do
        sed "s/@UNIT@/$3.service/" $script.in >"$root/DEBIAN/$script"
        chmod 0755 "$root/DEBIAN/$script"
    done
    size=$(du -sk --exclude DEBIAN "$root" | cut -f1)
    sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$size/" \
        "$1/control" >"$root/DEBIAN/control"
    chmod 0755 "$root"
    dpkg-deb --root-owner-group --build "$root" "$out/$2_${version}_$architecture.deb" >/dev/null
    rm -rf "$root"
    echo "$out/$2_${version}_$architecture.deb"
}

package engine shikaku shikaku
package reader shikaku-reader shikaku-reader ../models
