# Changes to files. Everything that is changed is changed through `change`, so that the plan shows all of it, and what
# is needed for the way back is noted before.
#
# Sourced by install.sh.
# shellcheck shell=bash

say() { printf '%s\n' "$*"; }

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

# has_line LINE: whether standard input has it. Reads all of it: whoever writes it must not end by a closed pipe.
has_line() { grep -xF -- "$1" >/dev/null; }

# What its user is to do or to know, said at the end.
hint() { HINTS+=("$*"); }

show_hints() {
    if [ ${#HINTS[@]} -gt 0 ]; then printf '%s\n' "${HINTS[@]}" | awk '!said[$0]++'; fi
}

# Shows a change as a line of the plan, and makes it unless this is the plan.
change() {
    CHANGED=yes
    say "  $1"
    shift
    [ "$PLAN" = yes ] || "$@"
}

# ------------------------------------------------------------------------------------------------------------ whose

ME=$(id -un)

# The nearest folder that exists, of a path that need not.
nearest() {
    local place=$1
    while [ ! -d "$place" ]; do place=$(dirname -- "$place"); done
    printf '%s\n' "$place"
}

# at PATH COMMAND...: runs the command as whoever may change what is at that path: root for the service, and the owner of
# the printer's data for the rest, also when root installs.
at() {
    local place owner
    place=$(nearest "$1")
    shift
    owner=$(stat -c %U -- "$place")
    if [ "$owner" = "$ME" ] || { [ "$ME" != root ] && [ -w "$place" ]; }; then
        "$@"
    elif [ "$ME" = root ]; then
        runuser -u "$owner" -- "$@"
    elif command -v sudo >/dev/null; then
        sudo -- "$@"
    else
        fail "$place is $owner's, and there is no sudo. Run this as root."
    fi
}

# ------------------------------------------------------------------------------------------------------------ notes

# What the way back needs, in the folder $STATE: `notes`, a line each of kind, path and value with tabs between, and
# `backup/DATE/PATH`, what files were before we changed them.

# note KIND PATH [VALUE]
note() {
    local line
    [ "$PLAN" = no ] || return 0
    line=$(printf '%s\t%s\t%s' "$1" "$2" "${3-}")
    grep -qxF -- "$line" "$STATE/notes" 2>/dev/null && return 0
    at "$STATE" mkdir -p -- "$STATE"
    printf '%s\n' "$line" | at "$STATE" tee -a -- "$STATE/notes" >/dev/null
}

# noted KIND [PATH]: the notes of a kind: the paths, or the value of one path.
noted() {
    [ -f "$STATE/notes" ] || return 0
    if [ $# = 1 ]; then
        awk -F '\t' -v kind="$1" '$1 == kind { print $2 }' "$STATE/notes"
    else
        KIND=$1 PLACE=$2 awk -F '\t' '$1 == ENVIRON["KIND"] && $2 == ENVIRON["PLACE"] { print $3 }' "$STATE/notes" |
            tail -n 1
    fi
}

is_noted() { [ -f "$STATE/notes" ] && grep -qF -- "$1"$'\t'"$2"$'\t' "$STATE/notes"; }

forget() {
    [ "$PLAN" = no ] && [ -f "$STATE/notes" ] || return 0
    KIND=$1 PLACE=$2 awk -F '\t' '!($1 == ENVIRON["KIND"] && $2 == ENVIRON["PLACE"])' "$STATE/notes" |
        at "$STATE" tee -- "$STATE/notes.new" >/dev/null
    at "$STATE" mv -- "$STATE/notes.new" "$STATE/notes"
}

# keep_copy FILE: a dated copy, once a run; later changes of the same run are changes to ours.
keep_copy() {
    local copy=$STATE/backup/$STARTED$1
    [ ! -e "$copy" ] || return 0
    at "$STATE" mkdir -p -- "$(dirname -- "$copy")"
    # Its owner may read it, and be another one than who keeps the copy.
    at "$1" cat -- "$1" | at "$STATE" tee -- "$copy" >/dev/null
    at "$STATE" chmod --reference="$1" -- "$copy"
    at "$STATE" touch --reference="$1" -- "$copy"
}

# original_of FILE: the oldest copy.
original_of() {
    local copy
    for copy in "$STATE"/backup/*"$1"; do
        [ -f "$copy" ] && printf '%s\n' "$copy"
        return 0
    done
}

# ------------------------------------------------------------------------------------------------------------ files

# write FILE: writes standard input to a file, whole or not at all. A link to a file stays one.
write() {
    local file
    file=$(readlink -m -- "$1")
    at "$file" mkdir -p -- "$(dirname -- "$file")"
    # The copy has the mode of the old one.
    if [ -e "$file" ]; then at "$file" cp -p -- "$file" "$file.moonlapse"; fi
    at "$file" tee -- "$file.moonlapse" >/dev/null
    at "$file" sync -- "$file.moonlapse"
    at "$file" mv -- "$file.moonlapse" "$file"
}

# note_missing FOLDER: folders that are not there yet will be ours to remove.
note_missing() {
    local folder=$1
    while [ ! -d "$folder" ]; do
        note made "$folder"
        folder=$(dirname -- "$folder")
    done
}

# remove_when_empty FOLDER: with those above it, as far as we made them.
remove_when_empty() {
    local folder=$1
    while is_noted made "$folder" && [ -d "$folder" ] && [ -z "$(ls -A -- "$folder")" ]; do
        change "remove the empty folder $folder" at "$(dirname -- "$folder")" rmdir -- "$folder"
        [ "$PLAN" = no ] || break
        folder=$(dirname -- "$folder")
    done
}

# put TEXT FILE: makes a file of ours have this text.
put() {
    if [ ! -f "$2" ] || [ "$(cat -- "$2")" != "$1" ]; then change "write $2" put_now "$1" "$2"; fi
}
put_now() { printf '%s\n' "$1" | write "$2"; }

# edit WHAT FILE FILTER...: passes a file of others through a filter. The file need not exist.
edit() {
    local what=$1 file=$2
    shift 2
    if filtered "$file" "$@"; then change "$what" edit_now "$file" "$FILTERED"; fi
}

# filtered FILE FILTER...: sets FILTERED. Whether that is another text: a newline at the end, as some filters add it, is none.
filtered() {
    local file=$1 now
    shift
    # The x keeps the newlines at the end, and tells a file that was read to its end.
    now=$(contents "$file" && echo x) || fail "$file cannot be read."
    now=${now%x}
    FILTERED=$(printf '%s' "$now" | "$@" && echo x) || fail "$file cannot be changed by '$1'."
    FILTERED=${FILTERED%x}
    [ "$FILTERED" != "$now" ] && [ "$FILTERED" != "$now"$'\n' ]
}
contents() { if [ -e "$1" ]; then at "$1" cat -- "$1"; fi; }
edit_now() {
    if [ -e "$1" ]; then keep_copy "$1"; else note created "$1"; fi
    printf '%s' "$2" | write "$1"
}

# unedit FILE FILTER...: takes our changes out of a file. When nobody else changed it, it is as it was, byte for byte.
unedit() {
    local file=$1 old
    [ -e "$file" ] && filtered "$@" || return 0
    if [ -z "$FILTERED" ] && is_noted created "$file"; then
        change "remove $file" remove_created "$file"
        return 0
    fi
    # A file without a newline at its end got one before our lines.
    old=$(original_of "$file")
    if [ -n "$old" ]; then
        old=$(cat -- "$old" && echo x)
        if [ "$FILTERED" = "${old%x}"$'\n' ]; then FILTERED=${old%x}; fi
    fi
    change "take our lines out of $file" unedit_now "$file" "$FILTERED"
}
unedit_now() { printf '%s' "$2" | write "$1"; }
remove_created() {
    at "$1" rm -- "$1"
    forget created "$1"
}

# ------------------------------------------------------------------------------------------------------------ links

# Ours are links into the installed files, wherever these lie or lay.
is_ours() {
    case $1 in
        */moonraker-component/timelapse | */klipper-macros/timelapse.cfg) return 0 ;;
    esac
    return 1
}

# link TARGET PLACE WORDS: links; what was there is set aside when it has the words, which are the old plugin's.
link() {
    local target=$1 place=$2 words=$3
    if [ -L "$place" ]; then
        [ "$(readlink -- "$place")" != "$target" ] || return 0
    fi
    if ! { [ -L "$place" ] && is_ours "$(readlink -- "$place")"; }; then set_aside "$place" "$words"; fi
    change "link $place to $target" link_now "$target" "$place"
}
link_now() { at "$(dirname -- "$2")" ln -sfn -- "$1" "$2"; }

# set_aside PLACE WORDS: removes a link, or a file with the words in it, and notes how it is brought back.
set_aside() {
    if [ -L "$1" ]; then
        change "set aside the link $1 (to $(readlink -- "$1"))" set_aside_link "$1"
    elif [ -f "$1" ] && grep -qF -- "$2" "$1"; then
        change "set aside the file $1" set_aside_file "$1"
    elif [ -e "$1" ]; then
        fail "$1 is in the way, and is not moonraker-timelapse's. Move it elsewhere and try again."
    fi
}
set_aside_link() {
    note link "$1" "$(readlink -- "$1")"
    at "$(dirname -- "$1")" rm -- "$1"
}
set_aside_file() {
    keep_copy "$1"
    note file "$1" "$STATE/backup/$STARTED$1"
    at "$(dirname -- "$1")" rm -- "$1"
}

# unlink_ours PLACE: removes our link.
unlink_ours() {
    if [ -L "$1" ] && is_ours "$(readlink -- "$1")"; then
        change "remove the link $1" at "$(dirname -- "$1")" rm -- "$1"
    fi
}

# bring_back PLACE: undoes set_aside.
bring_back() {
    local target copy
    target=$(noted link "$1")
    copy=$(noted file "$1")
    if [ -n "$target" ]; then
        change "link $1 to $target again" bring_back_link "$target" "$1"
    elif [ -n "$copy" ]; then
        change "put $1 back" bring_back_file "$copy" "$1"
    fi
}
bring_back_link() {
    # Somebody may have put something there meanwhile.
    [ -e "$2" ] || link_now "$1" "$2"
    forget link "$2"
}
bring_back_file() {
    [ -e "$2" ] || at "$(dirname -- "$2")" cp --preserve=mode,timestamps -- "$1" "$2"
    forget file "$2"
}
