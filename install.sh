#!/usr/bin/env bash
# Installs Moonlapse beside Klipper and Moonraker, or removes it again.
#
# What it does is in install() and uninstall(), at the end. It works on files only through the helpers of the
# section "changes", so that --dry-run shows all of them, and it needs no root but for the system service.

set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: install.sh [OPTION]...

Installs the agent, its component for Moonraker, and its macros for Klipper.

  --binary PATH        use this moonlapse (default: bin/moonlapse beside this script, else cargo build)
  --data PATH          data folder of the printer (default: ~/printer_data)
  --moonraker PATH     Moonraker's checkout, or its folder in a venv (default: found through its service)
  --prefix PATH        where the agent goes (default: ~/moonlapse)
  --configure          also add the sections to moonraker.conf and the include to printer.cfg
  --service KIND       system, user or none (default: system where systemd runs, else none)
  --dry-run            show the changes and make none
  --yes                do not ask
  --uninstall          remove what was installed; films and frames stay
  --help               this text
TEXT
}

# -------------------------------------------------------------------------------------------------------- settings

SOURCE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
NAME=moonlapse
DATA=$HOME/printer_data
PREFIX=$HOME/moonlapse
MOONRAKER=
BINARY=
SERVICE=
CONFIGURE=no
DRY_RUN=no
YES=no
ACTION=install

say() { printf '%s\n' "$*"; }
fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

parse_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
            --binary | --data | --moonraker | --prefix | --service)
                [ $# -ge 2 ] || fail "$1 needs a value. See --help."
                ;;
        esac
        case $1 in
            --binary) BINARY=$(realpath -m -- "$2") && shift ;;
            --data) DATA=$(realpath -m -- "$2") && shift ;;
            --moonraker) MOONRAKER=$(realpath -m -- "$2") && shift ;;
            --prefix) PREFIX=$(realpath -m -- "$2") && shift ;;
            --service) SERVICE=$2 && shift ;;
            --configure) CONFIGURE=yes ;;
            --dry-run) DRY_RUN=yes ;;
            --yes) YES=yes ;;
            --uninstall) ACTION=uninstall ;;
            --help)
                usage
                exit 0
                ;;
            *) fail "unknown option '$1'. See --help." ;;
        esac
        shift
    done
    case $SERVICE in
        '' | system | user | none) ;;
        *) fail "--service is system, user or none, not '$SERVICE'." ;;
    esac
}

# --------------------------------------------------------------------------------------------------------- finding

# Sets COMPONENTS, Moonraker's folder of components.
find_components() {
    local place
    for place in "$MOONRAKER"/moonraker/components "$MOONRAKER"/components; do
        if [ -n "$MOONRAKER" ] && [ -f "$place/__init__.py" ]; then
            COMPONENTS=$place
            return
        fi
    done
    [ -z "$MOONRAKER" ] || fail "there is no Moonraker in $MOONRAKER. Name its checkout with --moonraker."
    # A venv of the installer, of KIAUH, or of pip.
    for place in "$HOME"/moonraker/moonraker/components \
        "$HOME"/moonraker-env/lib/python3*/site-packages/moonraker/components; do
        if [ -f "$place/__init__.py" ]; then
            COMPONENTS=$place
            return
        fi
    done
    fail "Moonraker was not found in $HOME. Name its checkout with --moonraker."
}

check_data() {
    [ -d "$DATA/config" ] || fail "there is no folder $DATA/config. Name the printer's data folder with --data."
}

choose_service() {
    if [ -z "$SERVICE" ]; then
        if [ -d /run/systemd/system ]; then SERVICE=system; else SERVICE=none; fi
    fi
    case $SERVICE in
        system) UNIT=/etc/systemd/system/$NAME.service ;;
        user) UNIT=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user/$NAME.service ;;
        none) UNIT= ;;
    esac
}

# --------------------------------------------------------------------------------------------------------- changes

# Shows a change, and makes it unless --dry-run.
change() {
    local text=$1
    shift
    say "  $text"
    [ "$DRY_RUN" = yes ] || "$@"
}

# As root where the place needs it, which only the system service does.
for_system() {
    if [ "$(id -u)" -eq 0 ] || [ "$SERVICE" != system ]; then "$@"; else sudo "$@"; fi
}

# put TEXT FILE: writes a file when it differs.
put() {
    if [ ! -f "$2" ] || [ "$(cat "$2")" != "$1" ]; then
        change "write $2" put_now "$1" "$2"
    fi
}
put_now() {
    for_system mkdir -p -- "$(dirname -- "$2")"
    printf '%s\n' "$1" | for_system tee -- "$2" >/dev/null
}

# link TARGET LINK: links, and keeps what was there in the note.
link() {
    local target=$1 place=$2 old=
    if [ -L "$place" ]; then
        old=$(readlink -- "$place")
        [ "$old" != "$target" ] || return 0
    elif [ -e "$place" ]; then
        fail "$place is in the way. Move it elsewhere and try again."
    fi
    # A link to nowhere is not worth bringing back.
    if [ -e "$place" ] && ! is_ours "$old"; then note "$place" "$old"; fi
    change "link $place to $target" ln -sfn -- "$target" "$place"
}

# unlink_ours LINK: removes our link, and brings back what it replaced.
unlink_ours() {
    local place=$1
    if [ -L "$place" ] && is_ours "$(readlink -- "$place")"; then
        change "remove $place" rm -- "$place"
    fi
    restore "$place"
}

# Ours are links into the installed files, or into a checkout of this project.
is_ours() {
    case $1 in
        "$PREFIX"/* | "$SOURCE"/*) return 0 ;;
    esac
    return 1
}

# set_aside LINK: removes a link of moonraker-timelapse and keeps it in the note.
set_aside() {
    [ -L "$1" ] || return 0
    note "$1" "$(readlink -- "$1")"
    change "set aside $1 of moonraker-timelapse" rm -- "$1"
}

# The note of links that we replaced: one line each, the link, a tab, its target.
NOTE_NAME=.moonlapse-replaced
note() {
    change "remember that $1 was a link to $2" note_now "$1" "$2"
}
note_now() { printf '%s\t%s\n' "$1" "$2" >>"$DATA/$NOTE_NAME"; }

restore() {
    local place target
    [ -f "$DATA/$NOTE_NAME" ] || return 0
    while IFS=$'\t' read -r place target; do
        if [ "$place" = "$1" ] && [ ! -e "$place" ]; then
            change "link $place to $target again" ln -sfn -- "$target" "$place"
        fi
    done <"$DATA/$NOTE_NAME"
}

# add_line LINE FILE: appends a line that is not there yet.
add_line() {
    if ! grep -qxF -- "$1" "$2" 2>/dev/null; then change "add '$1' to $2" add_line_now "$1" "$2"; fi
}
add_line_now() {
    # A file without a newline at its end would swallow ours.
    if [ -s "$2" ] && [ -n "$(tail -c 1 -- "$2")" ]; then echo >>"$2"; fi
    printf '%s\n' "$1" >>"$2"
}

remove_line() {
    if grep -qxF -- "$1" "$2" 2>/dev/null; then change "remove '$1' from $2" remove_line_now "$1" "$2"; fi
}
remove_line_now() {
    local rest
    rest=$(mktemp)
    grep -vxF -- "$1" "$2" >"$rest" || true
    # Not mv: the file keeps its owner, its mode, and its place when it is a link.
    cat -- "$rest" >"$2"
    rm -- "$rest"
}

# The block in a file of settings that is ours, between two lines.
BLOCK_BEGIN='# >>> moonlapse (install.sh --uninstall removes this block) >>>'
BLOCK_END='# <<< moonlapse <<<'

# has_section NAME FILE: whether the file, or our block in it, has the section.
has_section() { grep -qE "^\[$1\]" "$2" 2>/dev/null; }

# add_block WHERE TEXT FILE: adds our block at the top or at the end, once.
add_block() {
    if ! grep -qxF -- "$BLOCK_BEGIN" "$3" 2>/dev/null; then
        change "add to $3: $(printf '%s' "$2" | grep -oE '^\[[^]]+\]' | paste -sd ' ')" add_block_now "$@"
    fi
}
add_block_now() {
    local block old
    block=$(printf '%s\n%s\n%s' "$BLOCK_BEGIN" "$2" "$BLOCK_END")
    old=$(mktemp)
    cp -- "$3" "$old"
    if [ "$1" = top ]; then
        { printf '%s\n' "$block" && cat -- "$old"; } >"$3"
    else
        add_line_now "$block" "$3"
    fi
    rm -- "$old"
}

remove_block() {
    if grep -qxF -- "$BLOCK_BEGIN" "$1" 2>/dev/null; then change "remove our block from $1" remove_block_now "$1"; fi
}
remove_block_now() {
    local rest
    rest=$(mktemp)
    awk -v begin="$BLOCK_BEGIN" -v end="$BLOCK_END" \
        '$0 == begin { ours = 1 } !ours { print } $0 == end { ours = 0 }' "$1" >"$rest"
    cat -- "$rest" >"$1"
    rm -- "$rest"
}

# ----------------------------------------------------------------------------------------------------------- parts

install_binary() {
    local wanted=$PREFIX/bin/$NAME
    if [ -z "$BINARY" ] && [ -x "$SOURCE/bin/$NAME" ]; then BINARY=$SOURCE/bin/$NAME; fi
    if [ -z "$BINARY" ]; then
        command -v cargo >/dev/null ||
            fail "there is no moonlapse to install and no cargo to build it. Name one with --binary."
        change "build $NAME with cargo" cargo build --release --locked --manifest-path "$SOURCE/Cargo.toml"
        BINARY=${CARGO_TARGET_DIR:-$SOURCE/target}/release/$NAME
    elif [ ! -x "$BINARY" ]; then
        fail "$BINARY is no program that can be run."
    fi
    # An update unpacks into the prefix: then it is in place.
    if [ "$BINARY" -ef "$wanted" ] || cmp -s -- "$BINARY" "$wanted"; then return 0; fi
    change "install $wanted" install_binary_now "$wanted"
}
install_binary_now() {
    mkdir -p -- "$PREFIX/bin"
    # By rename: the running agent keeps the old file.
    cp -- "$BINARY" "$1.new"
    chmod 0755 -- "$1.new"
    mv -- "$1.new" "$1"
}

install_component() {
    # The old module has the same name as our folder.
    set_aside "$COMPONENTS/timelapse.py"
    link "$SOURCE/moonraker-component/timelapse" "$COMPONENTS/timelapse"
    local exclude
    if exclude=$(exclude_file); then add_line "$EXCLUDED" "$exclude"; fi
}

# Moonraker's update manager must not find its checkout changed.
EXCLUDED=/moonraker/components/timelapse
exclude_file() {
    git -C "$COMPONENTS" rev-parse --git-dir >/dev/null 2>&1 || return 1
    # A venv inside somebody's repository is no checkout of Moonraker.
    [ "$(git -C "$COMPONENTS" rev-parse --show-prefix)" = moonraker/components/ ] || return 1
    git -C "$COMPONENTS" rev-parse --path-format=absolute --git-path info/exclude
}

service_text() {
    local system_lines='' wanted_by=default.target
    if [ "$SERVICE" = system ]; then
        # A user's systemd can do neither.
        system_lines=$'\n'"User=$(owner)"$'\n'ProtectSystem=full
        wanted_by=multi-user.target
    fi
    cat <<TEXT
[Unit]
Description=Moonlapse: stabilised timelapses for Klipper
Documentation=file://$SOURCE/docs
After=network.target moonraker.service
StartLimitIntervalSec=0

[Service]$system_lines
ExecStart="$PREFIX/bin/$NAME" run --data-path "$DATA"
Restart=always
RestartSec=5
# Klipper and Moonraker come first, and a film that needs too much memory must not take theirs.
Nice=5
IOSchedulingPriority=7
MemoryMax=60%
OOMScoreAdjust=500
# No PrivateTmp: Moonraker shows the frames that are in /tmp.
NoNewPrivileges=true
LockPersonality=true
RestrictSUIDSGID=true
RestrictRealtime=true

[Install]
WantedBy=$wanted_by
TEXT
}

# Who owns the printer's data runs the agent, also when root installs it.
owner() { stat -c %U -- "$DATA"; }

install_service() {
    if [ "$SERVICE" = none ]; then
        say "  no systemd: have your supervisor keep this running: $PREFIX/bin/$NAME run --data-path $DATA"
        return 0
    fi
    put "$(service_text)" "$UNIT"
    # The update manager may restart only what is listed here. Moonraker writes its own list when there is none, but
    # not when there is one with our name alone.
    if [ -f "$DATA/moonraker.asvc" ]; then
        add_line "$NAME" "$DATA/moonraker.asvc"
    else
        say "  there is no $DATA/moonraker.asvc: start Moonraker once, then run this again"
    fi
    change "enable and start $NAME.service" start_service
}
start_service() {
    # In an image that is being built there is no systemd to talk to; the link is enough.
    systemd_ctl enable "$NAME.service" || say "  enable it later with: systemctl enable $NAME.service"
    if [ -d /run/systemd/system ]; then
        systemd_ctl daemon-reload
        systemd_ctl restart "$NAME.service" || say "  $NAME.service did not start; see: journalctl -u $NAME"
    fi
}
systemd_ctl() {
    if [ "$SERVICE" = user ]; then systemctl --user "$@"; else for_system systemctl "$@"; fi
}

remove_service() {
    [ -n "$UNIT" ] && [ -f "$UNIT" ] || return 0
    change "stop and disable $NAME.service" stop_service
    change "remove $UNIT" for_system rm -- "$UNIT"
}
stop_service() {
    if [ -d /run/systemd/system ]; then systemd_ctl stop "$NAME.service" || true; fi
    systemd_ctl disable "$NAME.service" || true
}

moonraker_sections() {
    has_section timelapse "$1" || printf '[timelapse]\n'
    # Updates are releases: a checkout is updated by its owner.
    if [ -f "$SOURCE/release_info.json" ] && ! has_section "update_manager $NAME" "$1"; then
        cat <<TEXT
[update_manager $NAME]
type: zip
channel: stable
repo: $(release_field project_owner)/$(release_field project_name)
path: $SOURCE
managed_services: $NAME
TEXT
    fi
}
release_field() { sed -nE "s/.*\"$1\": *\"([^\"]+)\".*/\1/p" "$SOURCE/release_info.json"; }

configure() {
    local conf=$DATA/config/moonraker.conf printer=$DATA/config/printer.cfg sections
    [ -f "$conf" ] || fail "there is no $conf."
    if ! grep -qxF -- "$BLOCK_BEGIN" "$conf"; then
        sections=$(moonraker_sections "$conf")
        [ -z "$sections" ] || add_block end "$sections" "$conf"
    fi
    if [ ! -f "$printer" ]; then
        say "  there is no $printer: add [include timelapse.cfg] to your configuration of Klipper"
    elif ! grep -qE '^\[include +(\./)?timelapse\.cfg\]' "$printer"; then
        # At the top: Klipper writes its own block at the end.
        add_block top '[include timelapse.cfg]' "$printer"
    fi
}

# --------------------------------------------------------------------------------------------------------- actions

install() {
    say "Install Moonlapse for $DATA:"
    install_binary
    install_component
    link "$SOURCE/klipper-macros/timelapse.cfg" "$DATA/config/timelapse.cfg"
    if [ "$CONFIGURE" = yes ]; then configure; fi
    install_service
    say "Restart Moonraker and Klipper to load the component and the macros."
    if [ "$CONFIGURE" = no ]; then
        say "Your configuration needs [timelapse] in moonraker.conf and [include timelapse.cfg] in printer.cfg;" \
            "--configure adds them."
    fi
}

uninstall() {
    say "Remove Moonlapse from $DATA; films and frames stay:"
    remove_service
    remove_block "$DATA/config/moonraker.conf"
    remove_block "$DATA/config/printer.cfg"
    unlink_ours "$DATA/config/timelapse.cfg"
    unlink_ours "$COMPONENTS/timelapse"
    restore "$COMPONENTS/timelapse.py"
    local exclude
    if exclude=$(exclude_file); then remove_line "$EXCLUDED" "$exclude"; fi
    remove_line "$NAME" "$DATA/moonraker.asvc"
    if [ -f "$DATA/$NOTE_NAME" ]; then change "remove the note $DATA/$NOTE_NAME" rm -- "$DATA/$NOTE_NAME"; fi
    # In the folder of a release it is part of that release.
    if [ -f "$PREFIX/bin/$NAME" ] && [ ! -f "$PREFIX/release_info.json" ]; then
        change "remove $PREFIX/bin/$NAME" remove_binary
    fi
    say "Restart Moonraker and Klipper."
}
remove_binary() {
    rm -- "$PREFIX/bin/$NAME"
    # Only what is empty: more in there is not ours.
    rmdir -- "$PREFIX/bin" "$PREFIX" 2>/dev/null || true
}

# Shows all changes first, then asks once.
main() {
    parse_arguments "$@"
    check_data
    find_components
    choose_service
    if [ "$DRY_RUN" = no ] && [ "$YES" = yes ]; then
        # What is in the way is found before anything is changed.
        (DRY_RUN=yes "$ACTION") >/dev/null
    elif [ "$DRY_RUN" = no ]; then
        (DRY_RUN=yes "$ACTION")
        local answer=
        read -r -p "Go on? [y/N] " answer || true
        case $answer in
            [yY]*) ;;
            *) fail "nothing was changed." ;;
        esac
    fi
    "$ACTION"
}

main "$@"
