# Finds what is there: the printers' data folders, and for each of them Moonraker, Klipper, their files and services.
#
# Sourced by install.sh.
# shellcheck shell=bash

# Where the services of the system are described. Another folder is for packagers and tests.
UNITS=${MOONLAPSE_UNITS:-/etc/systemd/system}

# find_printers: sets PRINTERS to the data folders, in the manner of Moonraker's and KIAUH's installers: printer_data,
# printer_1_data, printer_name_data.
find_printers() {
    local home folder
    [ ${#PRINTERS[@]} -eq 0 ] || return 0
    while IFS= read -r home; do
        for folder in "$home"/printer_data "$home"/printer_*_data; do
            if [ -d "$folder/config" ]; then PRINTERS+=("$(realpath -- "$folder")"); fi
        done
    done < <(homes)
    [ ${#PRINTERS[@]} -gt 0 ] ||
        fail "there is no folder printer_data in $(homes | paste -sd ' '). Name the one of your printer with --data."
}

# As root: of all users.
homes() {
    if [ "$ME" = root ]; then
        { printf '%s\n' "$HOME" && getent passwd | awk -F: '$3 >= 1000 && $6 ~ "^/." { print $6 }'; } | sort -u
    else
        printf '%s\n' "$HOME"
    fi
}

# find_owner: sets OWNER and OWNER_HOME, whose printers these are.
find_owner() {
    local folder
    for folder in "${PRINTERS[@]}"; do
        [ -d "$folder/config" ] || fail "there is no folder $folder/config. Name the printer's data folder with --data."
    done
    OWNER=$(stat -c %U -- "${PRINTERS[0]}")
    for folder in "${PRINTERS[@]}"; do
        [ "$(stat -c %U -- "$folder")" = "$OWNER" ] ||
            fail "${PRINTERS[0]} and $folder have different owners. Choose with --data."
    done
    if [ "$OWNER" = "$ME" ]; then
        OWNER_HOME=$HOME
    elif [ "$ME" = root ]; then
        OWNER_HOME=$(getent passwd "$OWNER" | cut -d: -f6)
        # Users of services often have no home.
        [ -d "$OWNER_HOME" ] || OWNER_HOME=$(dirname -- "${PRINTERS[0]}")
    else
        fail "${PRINTERS[0]} is $OWNER's. Run this as $OWNER, or as root."
    fi
}

# look_at FOLDER: sets what concerns one printer: DATA, NAME (of its service), CONF, PRINTER_CFG, SOCKET,
# MOONRAKER_UNIT, COMPONENTS.
look_at() {
    local words
    DATA=$1
    NAME=$(name_of "$DATA")
    UNIT=$(unit_file "$NAME")

    words=$(words_of moonraker)
    CONF=$(after '-c|--configfile' "$words")
    CONF=${CONF:-$DATA/config/moonraker.conf}
    SOCKET=$(after '-u|--unixsocket' "$words")
    SOCKET=${SOCKET:-$DATA/comms/moonraker.sock}
    MOONRAKER_UNIT=$(unit_of moonraker)
    find_components "$words"

    words=$(words_of klipper)
    PRINTER_CFG=$(grep -E '^/.*\.cfg$' <<<"$words" | head -n 1 || true)
    PRINTER_CFG=${PRINTER_CFG:-$DATA/config/printer.cfg}
    MACROS=$(dirname -- "$PRINTER_CFG")/timelapse.cfg
}

# The name of the service of a printer: moonlapse, moonlapse-1, moonlapse-name.
name_of() {
    local name
    name=$(basename -- "$1")
    case $name in
        printer_data) printf 'moonlapse\n' ;;
        printer_*_data) name=${name#printer_} && printf 'moonlapse-%s\n' "${name%_data}" ;;
        *) printf 'moonlapse-%s\n' "$name" | tr -c '[:alnum:]_\n-' - ;;
    esac
}

unit_file() {
    case $SERVICE in
        system) printf '%s/%s.service\n' "$UNITS" "$1" ;;
        user) printf '%s/systemd/user/%s.service\n' "${XDG_CONFIG_HOME:-$OWNER_HOME/.config}" "$1" ;;
    esac
}

# -------------------------------------------------------------------------------------------- Moonraker and Klipper

# words_of moonraker|klipper: the command that runs it for this printer, a word a line: that of the running process, or
# that of its service.
words_of() {
    local words
    words=$(process_words "$1")
    [ -n "$words" ] || words=$(service_words "$1")
    printf '%s\n' "$words"
}

process_words() {
    local file words pattern
    case $1 in
        moonraker) pattern='(^|/)moonraker(\.py)?$' ;;
        klipper) pattern='(^|/)(klippy\.py|kalico)$' ;;
    esac
    while IFS= read -r file; do
        words=$(tr '\0' '\n' 2>/dev/null <"$file") || continue
        grep -qE '^(/.*/)?(python[0-9.]*|moonraker|kalico)$' <<<"${words%%$'\n'*}" || continue
        grep -qE "$pattern" <<<"$words" || continue
        # Of our own processes we may read the environment, too.
        words+=$'\n'$(tr '\0' '\n' 2>/dev/null <"${file%/*}/environ" | grep -E '^(PYTHONPATH|MOONRAKER_DATA_PATH)=' || true)
        if names_data "$words"; then
            printf '%s\n' "$words"
            return 0
        fi
    done < <(grep -lsaE 'moonraker|klippy|kalico' /proc/[0-9]*/cmdline)
}

# Also without systemd the file with the arguments is there.
service_words() {
    local unit text
    unit=$(unit_of "$1")
    text=$({ unit_text "$unit" && contents "$DATA/systemd/$1.env"; } | sed -E 's/^[[:space:]]*(#.*)?//')
    [ -n "$unit" ] || [ -f "$DATA/systemd/$1.env" ] || return 0
    # PYTHONPATH="/x" stays one word, the quotes go.
    sed -E 's/^(PYTHONPATH|MOONRAKER_DATA_PATH)="?([^"]*)"?/\1=\2/; t; s/[="]/\n/g' <<<"$text" | tr -s ' \t' '\n'
}

# unit_of moonraker|klipper: its service for this printer.
unit_of() {
    local file
    for file in "$UNITS/$1".service "$UNITS/$1"-*.service; do
        if [ -f "$file" ] && names_data "$(unit_text "$file" | tr ' "=' '\n')"; then
            basename -- "$file" .service
            return 0
        fi
    done
}

# A service and the file with its environment.
unit_text() {
    local file
    [ -n "$1" ] || return 0
    case $1 in /*) file=$1 ;; *) file=$UNITS/$1.service ;; esac
    cat -- "$file"
    sed -nE 's/^EnvironmentFile=-?//p' "$file" | while IFS= read -r file; do contents "$file"; done
}

# Whether one of the words is the data folder, or a file in it.
names_data() { grep -qE "^([A-Z_]+=)?$(sed 's/[.[\*^$+?(){}|]/\\&/g' <<<"$DATA")(/.*)?\$" <<<"$1"; }

# after OPTIONS WORDS: the word after an option.
after() { grep -xE -A 1 -- "$1" <<<"$2" | sed -n 2p || true; }

# find_components WORDS: sets COMPONENTS, Moonraker's folder of components.
find_components() {
    local place python
    if [ -n "$MOONRAKER" ]; then
        for place in "$MOONRAKER"/moonraker/components "$MOONRAKER"/components; do
            if use_components "$place"; then return 0; fi
        done
        fail "there is no Moonraker in $MOONRAKER. Name its checkout with --moonraker."
    fi
    # A checkout is on the path of Python's modules, or its program is run from there.
    while IFS= read -r place; do
        if use_components "$place/moonraker/components"; then return 0; fi
    done < <(sed -nE 's/^PYTHONPATH=//p; s|^(/.*)/moonraker/moonraker\.py$|\1|p' <<<"$1" | tr ':' '\n')
    # Else it is installed where its Python finds it.
    python=$(grep -m 1 -E '^/.*/python[0-9.]*$' <<<"$1" || true)
    if [ -x "${python:-/none}" ]; then
        place=$(cd / && "$python" -c 'import moonraker; print(moonraker.__path__[0])' 2>/dev/null || true)
        if use_components "$place/components"; then return 0; fi
    fi
    # It does not run, and there is no service: where the installers put it.
    for place in "$OWNER_HOME"/moonraker/moonraker/components \
        "$OWNER_HOME"/moonraker-env/lib/python3*/site-packages/moonraker/components; do
        if use_components "$place"; then return 0; fi
    done
    # Who removes it may have removed Moonraker before.
    COMPONENTS=
    [ "$ACTION" = uninstall ] || fail "Moonraker was not found for $DATA. Name its checkout with --moonraker."
}
use_components() {
    [ -f "$1/__init__.py" ] || return 1
    COMPONENTS=$(realpath -- "$1")
}
