# What concerns one printer: component, macros, settings, and moonraker-timelapse, which they replace.
#
# Sourced by install.sh.
# shellcheck shell=bash

# Words that tell moonraker-timelapse's files (and changed copies of them) from others.
PLUGIN_MODULE=timelapse_frames
PLUGIN_MACROS='[gcode_macro TIMELAPSE_TAKE_FRAME]'

# --------------------------------------------------------------------------------------------------------- component

install_component() {
    # The old module has the same name as our folder.
    if [ -e "$COMPONENTS/timelapse.py" ] || [ -L "$COMPONENTS/timelapse.py" ]; then
        set_aside "$COMPONENTS/timelapse.py" "$PLUGIN_MODULE"
    fi
    link "$PREFIX/moonraker-component/timelapse" "$COMPONENTS/timelapse" "$PLUGIN_MODULE"
    local exclude
    exclude=$(exclude_file)
    if [ -n "$exclude" ]; then edit "hide the component from Moonraker's git: in $exclude" "$exclude" with_line "$EXCLUDED"; fi
}

remove_component() {
    [ -n "$COMPONENTS" ] || return 0
    unlink_ours "$COMPONENTS/timelapse"
    bring_back "$COMPONENTS/timelapse.py"
    local exclude
    exclude=$(exclude_file)
    if [ -n "$exclude" ]; then unedit "$exclude" without_line "$EXCLUDED"; fi
}

# Moonraker's update manager must not find its checkout changed.
EXCLUDED=/moonraker/components/timelapse
exclude_file() {
    # A venv inside somebody's repository is no checkout of Moonraker.
    if [ "$(git_of_moonraker rev-parse --show-prefix 2>/dev/null)" = moonraker/components/ ]; then
        git_of_moonraker rev-parse --path-format=absolute --git-path info/exclude
    fi
}
git_of_moonraker() { git -c safe.directory='*' -C "$COMPONENTS" "$@"; }

# ------------------------------------------------------------------------------------------------------------ Klipper

install_macros() {
    link "$PREFIX/klipper-macros/timelapse.cfg" "$MACROS" "$PLUGIN_MACROS"
    [ "$CONFIGURE" = yes ] || return 0
    if [ ! -f "$PRINTER_CFG" ]; then
        hint "There is no $PRINTER_CFG: add [include timelapse.cfg] to your configuration of Klipper."
    elif ! files_of "$PRINTER_CFG" | has_line "$MACROS"; then
        # At the top: Klipper writes its own block at the end.
        edit "add [include timelapse.cfg] to $PRINTER_CFG" "$PRINTER_CFG" with_block top '[include timelapse.cfg]'
    fi
}

remove_macros() {
    unlink_ours "$MACROS"
    bring_back "$MACROS"
    unedit "$PRINTER_CFG" without_ours
}

# ---------------------------------------------------------------------------------------------------------- Moonraker

configure_moonraker() {
    local files file
    [ -f "$CONF" ] || fail "there is no $CONF."
    mapfile -t files < <(files_of "$CONF")
    if ! file=$(file_with_section timelapse "${files[@]}"); then
        edit "add [timelapse] to $CONF" "$CONF" with_block end "$(timelapse_section)"
    elif [ -n "$(own_folder)" ]; then
        if [ -z "$(option_of timelapse web_port "$file")" ]; then
            edit "add web_port to [timelapse] in $file" "$file" with_option timelapse "web_port: $(own_port)"
        fi
        if [ -z "$(option_of timelapse frame_path "$file")" ]; then
            # Two printers would show each other's frames.
            edit "add frame_path to [timelapse] in $file" "$file" with_option timelapse "frame_path: $(own_frames)"
        fi
    fi
    if file=$(file_with_section 'update_manager +timelapse' "${files[@]}"); then
        edit "turn [update_manager timelapse] off in $file" "$file" without_section 'update_manager timelapse'
    fi
    configure_updates "${files[@]}"
}

# The printer in printer_data has the usual folders, which are moonraker-timelapse's; every other one has its own.
own_folder() { case $NAME in moonlapse) ;; *) printf '%s\n' "$DATA" ;; esac; }
own_frames() { printf '%s/timelapse_frames/\n' "$DATA"; }

# Where the page of this printer is served: at a port that none of the others has. That of printer_data is the usual one.
own_port() {
    local port=7191 file used
    used=$(for file in "$OWNER_HOME"/printer*_data/config/*.conf "${PRINTERS[@]/%//config/moonraker.conf}"; do
        if [ -f "$file" ]; then option_of timelapse web_port "$file"; fi
    done)
    while has_line "$port" <<<"$used"; do port=$((port + 1)); done
    printf '%s\n' "$port"
}

timelapse_section() {
    printf '[timelapse]\n'
    if [ -n "$(own_folder)" ]; then
        printf 'output_path: %s/timelapse/\nframe_path: %s\nweb_port: %s\n' "$DATA" "$(own_frames)" "$(own_port)"
    fi
}

# Updates are releases: a checkout is updated by its owner.
configure_updates() {
    local file
    if [ ! -f "$PREFIX/release_info.json" ] && ! is_release "$SOURCE"; then
        edit "take the updates out of $CONF" "$CONF" without_update_block
    elif file=$(file_with_section "update_manager +$NAME" "$@"); then
        # From another place before, or for another kind of service.
        if ! has_updates_as_now "$file" && grep -qxF -- "$BLOCK_BEGIN" "$file"; then
            edit "correct [update_manager $NAME] in $file" "$file" with_new_updates
        fi
    elif file_with_section 'update_manager( +[^]]*)?' "$@" >/dev/null; then
        edit "add [update_manager $NAME] to $CONF" "$CONF" with_block end "$(updates_section)"
    else
        # Our section would switch it on for everything.
        hint "Moonraker's update manager is off, so updates of Moonlapse are not offered."
    fi
}
has_updates_as_now() {
    local kind=''
    if [ "$SERVICE" != system ]; then kind=False; fi
    [ "$(option_of "update_manager $NAME" path "$1")" = "$PREFIX" ] &&
        [ "$(option_of "update_manager $NAME" is_system_service "$1")" = "$kind" ]
}
with_new_updates() { without_update_block | with_block end "$(updates_section)"; }

updates_section() {
    local channel=stable services="managed_services: $NAME moonraker"
    case $(release_field version) in *-*) channel=beta ;; esac
    # Moonraker knows how to restart services of systemd, not those of other supervisors.
    if [ "$SERVICE" != system ]; then services='is_system_service: False'; fi
    cat <<TEXT
[update_manager $NAME]
type: zip
channel: $channel
repo: $(release_field project_owner)/$(release_field project_name)
path: $PREFIX
$services
system_dependencies: system-dependencies.json
TEXT
}
release_field() { sed -nE "s/.*\"$1\": *\"([^\"]+)\".*/\1/p" "$SOURCE/release_info.json"; }

unconfigure_moonraker() {
    local file
    while IFS= read -r file; do unedit "$file" without_ours; done < <(files_of "$CONF")
}

# ------------------------------------------------------------------------------------------------------------- traces

# find_folders: sets FRAMES, FILMS and STORE, the folders that the running Moonlapse makes.
find_folders() {
    FRAMES=$(timelapse_option frame_path /tmp/timelapse/)
    FILMS=$(timelapse_option output_path "$OWNER_HOME/timelapse/")
    STORE=$(timelapse_option session_path "$DATA/moonlapse")
}

# timelapse_option OPTION DEFAULT: a folder of [timelapse].
timelapse_option() {
    local file value=''
    while IFS= read -r file; do value=${value:-$(option_of timelapse "$1" "$file")}; done < <(files_of "$CONF")
    value=${value:-$2}
    value=${value/#\~/$OWNER_HOME}
    printf '%s\n' "${value%/}"
}

note_folders() {
    find_folders
    note_missing "$FRAMES"
    note_missing "$FILMS"
    note_missing "$STORE"
}

# remove_traces: what the running Moonlapse made: the settings in the database, the shown frames; with --purge the frame
# store. Films are the user's.
remove_traces() {
    # What was never installed left no traces.
    is_noted printer "$DATA" || return 0
    find_folders
    if ask_moonraker print-state >/dev/null 2>&1; then
        change "undo what Moonlapse wrote into Moonraker's database" ask_moonraker restore-settings
    else
        hint "Moonraker does not run: its database keeps the settings of the timelapse page."
    fi
    if [ -n "$(shown_frames)" ]; then change "remove the links to frames in $FRAMES" remove_shown_frames; fi
    if [ -f "$STORE/journal.db" ] && { [ "$PURGE" = yes ] || [ -z "$(sessions)" ]; }; then
        change "remove the frame store in $STORE" remove_store
    elif [ -d "$STORE" ]; then
        hint "The frames in $STORE stay; --uninstall --purge would have removed them."
    fi
    remove_when_empty "$FRAMES"
    remove_when_empty "$FILMS"
}

# The folder may be one that the user chose: only what is in a store is removed.
sessions() {
    find "$STORE" -mindepth 2 -maxdepth 2 -type d -name frames -regextype posix-extended \
        -regex '.*/[0-9]{8}-[0-9]{6}_[^/]*/frames' -printf '%h\n'
}
remove_store() {
    local file
    sessions | while IFS= read -r file; do at "$file" rm -rf -- "$file"; done
    for file in "$STORE"/journal.db* "$STORE"/owner.lock "$STORE"/queue "$STORE"/annotate.json "$STORE"/.deleted-*; do
        if [ -e "$file" ]; then at "$STORE" rm -rf -- "$file"; fi
    done
    # The usual one is ours whenever it was made.
    if [ "$STORE" = "$DATA/moonlapse" ]; then
        at "$STORE" rmdir --ignore-fail-on-non-empty -- "$STORE"
    else
        remove_when_empty "$STORE"
    fi
}

# Links into the store, and what the agent has listed where a file system has no links: name, inode and size.
shown_frames() {
    local link name inode size
    [ -d "$FRAMES" ] || return 0
    if [ -f "$FRAMES/.moonlapse-frames" ]; then
        printf '%s\n' "$FRAMES/.moonlapse-frames"
        while read -r name inode size; do
            if [ "$(stat -c '%i %s' -- "$FRAMES/$name" 2>/dev/null)" = "$inode $size" ]; then printf '%s\n' "$FRAMES/$name"; fi
        done <"$FRAMES/.moonlapse-frames"
    fi
    find "$FRAMES" -maxdepth 1 -name 'frame*.jpg' -type l | while IFS= read -r link; do
        case $(readlink -- "$link") in "$STORE"/*) printf '%s\n' "$link" ;; esac
    done
}
remove_shown_frames() {
    local link
    shown_frames | while IFS= read -r link; do at "$FRAMES" rm -f -- "$link"; done
    remove_when_empty "$FRAMES"
}
