# The program and what comes with it, in the folder $PREFIX: that of the release, or one that is made from a checkout.
#
# Sourced by install.sh.
# shellcheck shell=bash

# What an installed Moonlapse consists of beside the program. A release has the same names: the links, the service and
# older versions rely on them.
PARTS=(moonraker-component klipper-macros installer install.sh moonraker.conf.example LICENSE)

# What a build needs at its peak, and what it is built with. MB; measured on x86_64 with two jobs.
BUILD_MEMORY=1500
RUST_NEEDED=1.90

is_release() { [ -f "$1/release_info.json" ] && [ -f "$1/bin/moonlapse" ]; }

# choose_prefix: a release is used where it lies, because that is where Moonraker updates it. A checkout stays its
# owner's.
choose_prefix() {
    [ -z "$PREFIX" ] || return 0
    if [ "$ACTION" = uninstall ]; then PREFIX=$(noted prefix | tail -n 1); fi
    if [ -z "$PREFIX" ]; then
        if is_release "$SOURCE"; then PREFIX=$SOURCE; else PREFIX=$STATE/program; fi
    fi
}

install_program() {
    if [ "$PREFIX" = "$SOURCE" ]; then
        check_release
    else
        if is_release "$SOURCE"; then
            check_release
            copy_part bin
            copy_part release_info.json
            copy_part system-dependencies.json
            copy_part docs
        else
            install_binary
        fi
        local part
        for part in "${PARTS[@]}"; do copy_part "$part"; done
    fi
    leave_older_prefixes
    note_prefix
    link_command
}

# A release that was unpacked over an older one is new to whatever runs.
note_prefix() {
    local before now
    before=$(noted prefix "$PREFIX")
    now=$(installed_digest)
    if [ -n "$before" ] && [ "$before" != "$now" ] && [ "$CHANGED" = no ]; then
        change "use the new files in $PREFIX" true
    fi
    if [ "$before" != "$now" ]; then
        forget prefix "$PREFIX"
        note prefix "$PREFIX" "$now"
    fi
}
installed_digest() {
    [ -d "$PREFIX/bin" ] || return 0
    (cd -- "$PREFIX" && find bin moonraker-component klipper-macros -type f ! -name '*.pyc' -print0 | sort -z |
        xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
}

check_release() {
    local file modes=right
    # Some programs unpack a zip without the modes.
    for file in "$SOURCE"/bin/moonlapse* "$SOURCE"/install.sh; do
        if [ ! -x "$file" ]; then
            change "make $file a program" at "$file" chmod 0755 -- "$file"
            modes=wrong
        fi
    done
    # A plan has to believe that it can be run.
    [ "$PLAN" = no ] || [ $modes = right ] || return 0
    sh "$SOURCE/bin/moonlapse" --version >/dev/null ||
        fail "this release has no program for this machine ($(uname -m)). Build one from the sources, or name one with --binary."
}

# copy_part NAME: has the installed file or folder be that of the source.
copy_part() {
    local from=$SOURCE/$1 to=$PREFIX/$1
    [ -e "$from" ] || return 0
    # Moonraker's Python leaves its own files among the component's.
    if ! diff -rq -x __pycache__ -- "$from" "$to" >/dev/null 2>&1; then
        change "copy $1 to $PREFIX" copy_part_now "$from" "$to"
    fi
}
copy_part_now() {
    at "$PREFIX" mkdir -p -- "$PREFIX"
    at "$PREFIX" rm -rf -- "$2.new"
    at "$PREFIX" cp -R -- "$1" "$2.new"
    at "$PREFIX" find "$2.new" -name __pycache__ -prune -exec rm -rf {} +
    at "$PREFIX" rm -rf -- "$2"
    at "$PREFIX" mv -- "$2.new" "$2"
}

# --------------------------------------------------------------------------------------------------------- the command

# `moonlapse` on the command line: Debian's login shells look into this folder when it is there.
link_command() {
    local place=$OWNER_HOME/.local/bin/moonlapse target=$PREFIX/bin/moonlapse
    if [ -L "$place" ] && [ "$(readlink -- "$place")" = "$target" ]; then return 0; fi
    if { [ -e "$place" ] || [ -L "$place" ]; } && ! is_noted command "$place"; then
        hint "$place is not ours and stays: the command is $target."
        return 0
    fi
    change "link $place to $target" link_command_now "$target" "$place"
    if ! command -v moonlapse >/dev/null; then
        hint "The command moonlapse is there after the next login, and as $place at once."
    fi
}
link_command_now() {
    note_missing "$(dirname -- "$2")"
    note command "$2"
    at "$2" mkdir -p -- "$(dirname -- "$2")"
    link_now "$1" "$2"
}

unlink_command() {
    local place
    place=$(noted command | tail -n 1)
    if [ -n "$place" ] && [ -L "$place" ]; then
        change "remove the link $place" at "$(dirname -- "$place")" rm -- "$place"
    fi
    [ -z "$place" ] || remove_when_empty "$(dirname -- "$place")"
}

# ---------------------------------------------------------------------------------------------------------- building

install_binary() {
    local wanted=$PREFIX/bin/moonlapse sources
    if [ -n "$BINARY" ]; then
        [ -x "$BINARY" ] && [ ! -d "$BINARY" ] || fail "$BINARY is no program that can be run."
        if ! cmp -s -- "$BINARY" "$wanted"; then change "install $wanted" install_binary_now "$BINARY"; fi
        return 0
    fi
    sources=$(sources_digest)
    if [ -x "$wanted" ] && [ "$(noted built "$wanted")" = "$sources" ]; then return 0; fi
    check_build
    change "build moonlapse with $CARGO (this takes a while) and install $wanted" build_now "$sources"
}

install_binary_now() {
    at "$PREFIX" mkdir -p -- "$PREFIX/bin"
    # By rename: the running agent keeps the old file.
    at "$PREFIX" cp -- "$1" "$PREFIX/bin/moonlapse.new"
    at "$PREFIX" chmod 0755 -- "$PREFIX/bin/moonlapse.new"
    at "$PREFIX" mv -- "$PREFIX/bin/moonlapse.new" "$PREFIX/bin/moonlapse"
    forget built "$PREFIX/bin/moonlapse"
}

# What the program was built of: a second run builds nothing.
sources_digest() {
    [ -f "$SOURCE/Cargo.toml" ] ||
        fail "$SOURCE is neither a release nor a checkout of Moonlapse. Name a program with --binary."
    (cd -- "$SOURCE" && find Cargo.toml Cargo.lock build.rs src web/dist moonraker-component klipper-macros -type f ! -name '*.pyc' -print0 |
        sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
}

check_build() {
    local version free
    CARGO=$(command -v cargo || true)
    if [ -z "$CARGO" ] && [ -x "$OWNER_HOME/.cargo/bin/cargo" ]; then CARGO=$OWNER_HOME/.cargo/bin/cargo; fi
    [ -n "$CARGO" ] || fail "there is no cargo to build Moonlapse with. Install Rust from https://rustup.rs," \
        "take a release instead, or build it on another machine and name the program with --binary."
    version=$(at "$OWNER_HOME" "$CARGO" --version | cut -d' ' -f2)
    [ "$(printf '%s\n' "$RUST_NEEDED" "$version" | sort -V | sed -n 1p)" = "$RUST_NEEDED" ] ||
        fail "Moonlapse needs Rust $RUST_NEEDED or newer and this is $version. Update it with: rustup update"
    command -v cc >/dev/null || fail "there is no C compiler, which the build needs. Install gcc and libc6-dev."
    free=$(awk '/^(MemAvailable|SwapFree):/ { kib += $2 } END { print int(kib / 1024) }' /proc/meminfo)
    [ "$free" -ge "$BUILD_MEMORY" ] ||
        fail "the build needs $BUILD_MEMORY MB of free memory and swap, and this machine has $free MB." \
            "Take a release instead, or build it on another machine and name the program with --binary."
}

build_now() {
    local target=${CARGO_TARGET_DIR:-$SOURCE/target}
    echo "Building Moonlapse ..." >&2
    at "$SOURCE" "$CARGO" build --quiet --release --locked --bin moonlapse \
        --manifest-path "$SOURCE/Cargo.toml" --target-dir "$target"
    install_binary_now "$target/release/moonlapse"
    note built "$PREFIX/bin/moonlapse" "$1"
}

# ------------------------------------------------------------------------------------------------------------ ffmpeg

install_ffmpeg() {
    local folder
    if command -v ffmpeg >/dev/null; then return 0; fi
    for folder in "${PRINTERS[@]}"; do
        look_at "$folder"
        [ -z "$(timelapse_option ffmpeg_binary_path '')" ] || return 0
    done
    if [ "$APT" = yes ] && command -v apt-get >/dev/null; then
        change "install ffmpeg, which makes the films, with apt-get" install_ffmpeg_now
    else
        hint "There is no ffmpeg, which makes the films: install it, or name it by ffmpeg_binary_path in [timelapse]."
    fi
}
install_ffmpeg_now() {
    at / apt-get update -qq
    at / env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ffmpeg >/dev/null
}

# ------------------------------------------------------------------------------------------------------------ removal

# An older installation in another place, such as from a checkout before the first release.
leave_older_prefixes() {
    local old
    while IFS= read -r old; do
        if [ "$old" != "$PREFIX" ]; then
            remove_prefix "$old"
            forget prefix "$old"
        fi
    done < <(noted prefix)
}

remove_program() {
    local prefix
    unlink_command
    while IFS= read -r prefix; do remove_prefix "$prefix"; done < <(noted prefix)
}

# Only what is a release, or was made by us.
remove_prefix() {
    [ -d "$1" ] || return 0
    if [ -e "$1/.git" ]; then
        hint "The checkout $1 stays."
    elif is_release "$1" || [ -f "$1/bin/moonlapse" ]; then
        change "remove $1" remove_prefix_now "$1"
    fi
}
remove_prefix_now() {
    local part
    for part in bin release_info.json system-dependencies.json docs README.md CHANGELOG.md "${PARTS[@]}"; do
        at "$1" rm -rf -- "${1:?}/$part"
    done
    # More in there is not ours.
    at "$(dirname -- "$1")" rmdir -- "$1" 2>/dev/null || hint "$1 stays: there are files in it that are not ours."
}
