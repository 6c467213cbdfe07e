# The settings files of Moonraker and Klipper: which there are, and filters that add our lines and take them out again.
#
# Sourced by install.sh.
# shellcheck shell=bash

# files_of FILE: a settings file and all that it includes, by the rules that Moonraker and Klipper share: patterns,
# relative to the including file.
files_of() {
    local INCLUDED=
    include_file "$1"
}
include_file() {
    local file=$1 pattern found
    [ -f "$file" ] || return 0
    case $INCLUDED in *"<$file>"*) return 0 ;; esac
    INCLUDED="$INCLUDED<$file>"
    printf '%s\n' "$file"
    while IFS= read -r pattern; do
        case $pattern in /*) ;; *) pattern=$(dirname -- "$file")/$pattern ;; esac
        # No words, but patterns.
        local IFS=
        # shellcheck disable=SC2086
        for found in $pattern; do include_file "$(realpath -ms -- "$found")"; done
    done < <(sed -nE 's/^\[include +([^]]*[^] ]) *\].*/\1/p' "$file")
}

# file_with_section PATTERN FILE...: the first file that has such a section.
file_with_section() {
    local pattern=$1 file
    shift
    for file; do
        if grep -qE "^\[($pattern)\]" "$file" 2>/dev/null; then
            printf '%s\n' "$file"
            return 0
        fi
    done
    return 1
}

# option_of SECTION OPTION FILE: the value of an option.
option_of() {
    awk -v section="[$1]" -v option="$2" '
        /^\[/ { inside = (index($0, section) == 1); next }
        inside && match($0, /^[A-Za-z_]+[ \t]*[:=]/) {
            name = substr($0, 1, RLENGTH - 1); value = substr($0, RLENGTH + 1)
            gsub(/[ \t]/, "", name); gsub(/^[ \t]+|[ \t]+$/, "", value); sub(/ [#;].*/, "", value)
            if (tolower(name) == option) { print value; exit }
        }' "$3"
}

# ---------------------------------------------------------------------------------------------------------- filters

# Our lines: between two lines of ours, with our mark at their end, or others' lines with our mark before them.
BLOCK_BEGIN='# >>> moonlapse (install.sh --uninstall removes this block) >>>'
BLOCK_END='# <<< moonlapse <<<'
LINE_MARK=' # moonlapse'
OFF_MARK='#moonlapse replaces this: '

# with_block top|end TEXT: adds a block.
with_block() {
    local old
    old=$(cat && echo x)
    old=${old%x}
    local block=$BLOCK_BEGIN$'\n'$2$'\n'$BLOCK_END$'\n'
    if [ "$1" = top ]; then
        printf '%s%s' "$block" "$old"
    else
        # A file without a newline at its end would swallow our first line.
        case $old in '' | *$'\n') ;; *) old=$old$'\n' ;; esac
        printf '%s%s' "$old" "$block"
    fi
}

# without_update_block: takes out the block that tells of updates.
without_update_block() {
    awk -v begin="$BLOCK_BEGIN" -v end="$BLOCK_END" '
        $0 == begin { held = $0; holding = 1; updates = 0; next }
        holding { held = held "\n" $0; if (/^\[update_manager /) updates = 1 }
        holding && $0 == end { if (!updates) print held; holding = 0; next }
        !holding { print }
        END { if (holding) print held }'
}

# with_option SECTION LINE: adds an option to a section that is there.
with_option() {
    awk -v section="[$1]" -v line="$2$LINE_MARK" \
        '{ print } index($0, section) == 1 && !done { print line; done = 1 }'
}

# without_section SECTION: turns a section off, with the options of it and the empty lines and comments between.
without_section() {
    awk -v section="[$1]" -v mark="$OFF_MARK" '
        /^\[/ { off = (index($0, section) == 1) }
        off && NF { print mark $0; next }
        { print }'
}

# with_line LINE: adds a line that is not there.
with_line() {
    local old
    old=$(cat && echo x)
    old=${old%x}
    case $'\n'$old$'\n' in
        *$'\n'"$1"$'\n'*) printf '%s' "$old" ;;
        *)
            case $old in '' | *$'\n') ;; *) old=$old$'\n' ;; esac
            printf '%s%s\n' "$old" "$1"
            ;;
    esac
}

without_line() { grep -vxF -- "$1" || true; }

# without_ours: a settings file as it was.
without_ours() {
    awk -v begin="$BLOCK_BEGIN" -v end="$BLOCK_END" -v mark="$LINE_MARK" -v off="$OFF_MARK" '
        $0 == begin { ours = 1 }
        index($0, off) == 1 { $0 = substr($0, length(off) + 1) }
        length($0) > length(mark) && substr($0, length($0) - length(mark) + 1) == mark { next }
        !ours { print }
        $0 == end { ours = 0 }'
}
