#!/bin/sh
# Xenolith @VERSION@ in one file, for @SYSTEM@. Behind this script lie the Deno runtime and the program, compressed. The first run
# unpacks them into a folder of the user's cache; every run after that only starts what lies there.
self=$0
case $self in /*) ;; *) self=$PWD/$self ;; esac
build=@BUILD@
# A link named xm, xl or xentop is that command.
case ${self##*/} in
  xm | xl | xentop) XENOLITH_AS=${self##*/} ;;
  *) XENOLITH_AS=xenolith ;;
esac

start() {
  XENOLITH_SELF=$self DENO_DIR=$1/deno-dir DENO_NO_UPDATE_CHECK=1
  export XENOLITH_AS XENOLITH_SELF DENO_DIR DENO_NO_UPDATE_CHECK
  home=$1
  shift
  case ${XENOLITH_BOUNDS_CHECKS:-} in
    1) exec "$home/xenolith" run @CHECKED@ "$home/app/mod.js" "$@" ;;
    *) exec "$home/xenolith" run @FLAGS@ "$home/app/mod.js" "$@" ;;
  esac
}

say() { echo "xenolith: $*" >&2; }

# What was unpacked is there, and nobody has tidied away half of it.
whole() { [ -f "$1/ok" ] && [ -x "$1/xenolith" ] && [ -f "$1/app/mod.js" ]; }

# A place in a shared folder must be this user's own: what lies in it is run.
private() {
  mkdir -m 700 "$1" 2>/dev/null
  [ -d "$1" ] && [ ! -L "$1" ] && [ -O "$1" ] || return 1
  case $(ls -ld "$1") in drwx------*) ;; *) return 1 ;; esac
}

cache=
case ${XDG_CACHE_HOME:-} in
  /*) cache=$XDG_CACHE_HOME/xenolith/executable ;;
  *) case ${HOME:-} in /*) cache=$HOME/.cache/xenolith/executable ;; esac ;;
esac
[ -n "$cache" ] && whole "$cache/$build" && start "$cache/$build" "$@"
shared=${TMPDIR:-/tmp}/xenolith-executable-$(id -u)
[ -O "$shared" ] && whole "$shared/$build" && private "$shared" && start "$shared/$build" "$@"

for tool in cat chmod gzip head id ls mkdir mv rm tail uname wc; do
  command -v "$tool" >/dev/null || { say "unpacking needs the program $tool, which is not in PATH"; exit 1; }
done
here=$(uname -sm)
[ "$here" = "@SYSTEM@" ] || { say "this executable is for @SYSTEM@, and this machine is $here"; exit 1; }

size=$(wc -c <"$self") || { say "$self cannot be read"; exit 1; }
[ "$size" -eq @SIZE@ ] || {
  say "$self is damaged: it has $size bytes in place of $((@SIZE@)); copy it again"
  exit 1
}

# part OFFSET LENGTH: a compressed part of this file; gzip compares its checksum.
part() { tail -c "+$1" "$self" | head -c "$2" | gzip -dc 2>/dev/null; }
# cut FILE OFFSET LENGTH NAME: a file of the program, which are all in one part.
cut_file() {
  case $4 in */*) mkdir -p "$app/${4%/*}" ;; esac
  tail -c "+$2" "$1" | head -c "$3" >"$app/$4"
}
program() {
  app=$1/app
  mkdir "$app" && part @APP@ >"$1/files" || return 1
@FILES@
  rm "$1/files"
}

fill() {
  part @FIRST@ >"$1/xenolith" &
  first=$!
  part @SECOND@ >"$1/second" &
  second=$!
  program "$1"
  done_program=$?
  wait "$first" && wait "$second" && [ "$done_program" -eq 0 ] || return 1
  cat "$1/second" >>"$1/xenolith" && rm "$1/second" && chmod 700 "$1/xenolith" || return 1
  [ "$(wc -c <"$1/xenolith")" -eq @RUNTIME@ ] || return 1
  "$1/xenolith" --version >/dev/null 2>&1 || { cannot_run=1; return 1; }
  : >"$1/ok"
}

fresh=
forget() { [ -z "$fresh" ] || rm -rf "$fresh"; }
trap forget EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# unpack FOLDER: whoever is first there puts the whole folder in its place at once; another one at the same time throws its own away.
unpack() {
  mkdir -p "$1" 2>/dev/null || return 1
  fresh=$1/.new.$build.$$
  mkdir -m 700 "$fresh" 2>/dev/null && fill "$fresh" 2>/dev/null || return 1
  # Half tidied away: one that was not there a moment ago may be complete, and in use, by now.
  [ ! -e "$1/$build" ] || whole "$1/$build" || rm -rf "${1:?}/$build"
  [ -e "$1/$build" ] || mv "$fresh" "$1/$build" 2>/dev/null
  forget
  rm -rf "$1/$build/${fresh##*/}"
  fresh=
  whole "$1/$build"
}

cannot_run=0
for folder in "$cache" "$shared"; do
  [ -n "$folder" ] || continue
  [ "$folder" != "$shared" ] || private "$folder" || continue
  if unpack "$folder"; then
    trap - EXIT HUP INT TERM
    start "$folder/$build" "$@"
  fi
  forget
  fresh=
done

for parts in "@APP@" "@FIRST@" "@SECOND@"; do
  # shellcheck disable=SC2086
  part $parts >/dev/null || { say "$self is damaged: a checksum inside is wrong; copy it again"; exit 1; }
done
if [ "$cannot_run" -eq 1 ]; then
  say "the Deno runtime inside does not start here: it needs @SYSTEM@ with glibc, and a folder whose files may be run"
fi
say "cannot unpack into ${cache:-the cache (HOME is not set)} nor into $shared: @NEEDED@ MB of room are needed;"
say "XDG_CACHE_HOME or TMPDIR names another place"
exit 1
