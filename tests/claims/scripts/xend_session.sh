#!/bin/sh
# A Debian guest under a xend of its own, driven by the commands and by programs that are not ours; what they print is left in a folder.
# $1: the folder; $2: this tree's command, in a shell's words
set -eu
folder=$1
command=$2
export XENOLITH_IN_PROCESS=0 XENOLITH_STATE_DIR="$folder/state" XENOLITH_RUN_DIR="$folder/run" XENOLITH_LOG_DIR="$folder/log"
xenolith() {
  eval "$command \"\$@\""
}
trap 'xenolith xend stop' EXIT

xenolith create -q configs/debian-shell.cfg
# Userland is there when the shell answers; the console's end of input leaves the domain running.
xenolith console debian-shell > "$folder/console.txt" < /dev/null &
console=$!
for _ in $(seq 120); do
  grep -q 'xenolith:.*#' "$folder/console.txt" && break
  sleep 1
done
kill $console
xenolith list > "$folder/list.txt"
xenolith top -b -i 2 -d 1 > "$folder/top.txt"
xenolith sched-credit -d debian-shell -w 512
xenolith sched-credit > "$folder/sched-credit.txt"
xenolith dump-core -L debian-shell "$folder/core" > "$folder/dump-core.txt"
port=$(xenolith gdb debian-shell --json | grep -o '127.0.0.1:[0-9]*')
gdb -batch -ex 'set architecture i386:x86-64' -ex "target remote $port" -ex 'info registers rip' -ex detach > "$folder/gdb.txt" 2>&1
xenolith shutdown -w debian-shell > "$folder/shutdown.txt"
xenolith list > "$folder/after.txt"
