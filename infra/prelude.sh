# What the steps below call. Each looks first; a failing call ends the script, and running it again goes on from there.

TRIES_MAX=${DEPLOY_TRIES_MAX:-31}
PAUSE_S=${DEPLOY_PAUSE_S:-20}
# What Google says while a service or an account made a moment ago is not known everywhere yet.
PASSING='SERVICE_DISABLED|has not been used in project|may take a few minutes|does not exist|[Tt]ry again|[Pp]lease retry|'
PASSING+='UNAVAILABLE|ABORTED|RESOURCE_EXHAUSTED|concurrent'
created=0 updated=0 same=0 STATE='' FOUND='' ANSWER='' PICKED=''

stop() {
  printf 'error: %s\n' "$@" >&2
  printf 'Nothing needs to be undone. Run the same command again: it goes on where this one stopped.\n' >&2
  exit 1
}

command -v gcloud >/dev/null || stop 'gcloud is not installed: https://cloud.google.com/sdk/docs/install'
SOURCE=$("$PYTHON" -m infra.source) || stop "$PYTHON cannot run infra.source: start this from the project's folder"

# One comparer for the whole run: it is asked through 3 and answers through 4.
WORK=$(mktemp -d)
trap 'exec 3>&-; rm -rf "$WORK"' EXIT
mkfifo "$WORK/asked" "$WORK/answered"
"$PYTHON" -m infra.compare <"$WORK/asked" >"$WORK/answered" &
exec 3>"$WORK/asked" 4<"$WORK/answered"

# attempt COMMAND…: its output goes to $WORK/output. What passes by itself is waited for.
attempt() {
  local try=1
  until "$@" >"$WORK/output" 2>"$WORK/errors"; do
    if [ "$try" -ge "$TRIES_MAX" ] || ! grep -qE "$PASSING" "$WORK/errors"; then
      cat "$WORK/errors" >&2
      return 1
    fi
    try=$((try + 1))
    printf '  waiting  %s\n' "$(head -n 1 "$WORK/errors")"
    sleep "$PAUSE_S"
  done
}

# look NAME WORD…: keep what gcloud shows.
look() {
  local name=$1
  shift
  attempt gcloud "$@" --format=json || stop "cannot look: gcloud $*"
  mv "$WORK/output" "$WORK/$name.json"
}

# ask LOOK QUESTION: sets ANSWER.
ask() {
  printf '%s\t%s\n' "$WORK/$1.json" "$2" >&3
  read -r ANSWER <&4 || stop "cannot compare with what $1 shows"
}

# compare TITLE LOOK QUESTION CHANGEABLE: sets STATE and FOUND, and says what will be done.
compare() {
  local differing
  ask "$2" "$3"
  STATE=${ANSWER%% *} FOUND=${ANSWER#* } differing=${ANSWER#*$'\t'}
  FOUND=${FOUND%%$'\t'*}
  case $STATE in
    missing) created=$((created + 1)) && printf '  create   %s\n' "$1" ;;
    same) same=$((same + 1)) && printf '  same     %s\n' "$1" ;;
    "$4") updated=$((updated + 1)) && printf '  update   %s (%s)\n' "$1" "$differing" ;;
    *) stop "$1 is there, but differs in: $differing" 'That cannot be changed in place: see infra/README.md.' ;;
  esac
}

missing() { [ "$STATE" = missing ]; }
differs() { [ "$STATE" = differs ]; }
either() { missing || differs; }

# pick LOOK QUESTION: sets PICKED to a field of what was found, or to nothing.
pick() {
  ask "$1" "$2"
  PICKED=
  if [ "$ANSWER" != missing ]; then PICKED=${ANSWER#* }; fi
}

# run COMMAND…: one that changes something.
run() {
  attempt "$@" || stop "this call failed: $1 $2 $3 ${4-}"
}

# fed SOURCE… into COMMAND…: one that reads what another says, and tells by itself what it did. Tried once. What is
# handed over is nobody's argument and in no file, for it may be a secret.
fed() {
  local source=() text
  while [ "$1" != into ]; do source+=("$1") && shift; done
  shift
  text=$("${source[@]}") || stop "this call failed: ${source[*]:0:3}"
  printf '%s' "$text" | "$@" || stop "this call failed: ${*:1:4}"
}
