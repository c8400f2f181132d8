# Keeps one server for a test process, and ends it when that process is gone in whatever way, SIGKILL included.
# usage: sh -c "$(cat keeper.sh)" keeper FOLDER LOG CLEANUP COMMAND...    in a session of its own
# Standard input is a pipe that only the test process holds: its end is the order to kill the server and to remove FOLDER.
# (A parent-death signal would not do: it fires when the thread that started the child ends, and threads of a pool end.)
# Standard error tells the process id of the server, then how it ended. LOG takes its output; "-" leaves standard output as it is.
folder=$1 log=$2 cleanup=$3
shift 3
exec 3<&0 4>&2 </dev/null
if [ "$log" = - ]; then exec 2>>"$folder/log"; else exec >>"$log" 2>&1; fi
trap : HUP INT QUIT TERM PIPE

# Finds everything that descends from this shell, save the process that asks: PostgreSQL's backends are in sessions of their own.
# Children come before their parents: when the server itself is dead, this shell ends its watch.
find_descendants() {
  read -r self _ </proc/self/stat
  found=" $$ " again=yes
  while [ -n "$again" ]; do
    again=
    for stat in /proc/[0-9]*/stat; do
      { IFS= read -r line <"$stat"; } 2>/dev/null || continue
      process=${line%% *} line=${line##*) }
      line=${line#* }
      case $found in *" $process "*) continue ;; esac
      case $found in *" ${line%% *} "*) [ "$process" = "$self" ] || { found=" $process$found" again=yes; } ;; esac
    done
  done

  found=${found%" $$ "}
}

(
  IFS= read -r word <&3
  [ "$word" = leave ] && exit
  # the end may come before the server has begun
  until find_descendants; [ -n "$found" ]; do sleep 0.02; done
  # what is stopped starts nothing more that could escape
  kill -STOP $found
  find_descendants
  kill -KILL $found
) 2>/dev/null &
watch=$!

# not in the background, where a shell makes a program deaf to interrupts
setsid sh -c 'echo "$$" >&4; exec "$@" 4>&-' server "$@" 3<&-
status=$?
# a watch that is still dying would take a part of the next word out of the pipe
kill -KILL "$watch" 2>/dev/null
wait "$watch" 2>/dev/null
echo "$status" >&4

IFS= read -r word <&3
[ "$word" = leave ] && exit
eval "$cleanup"
# a process that is dying may still finish a file
rm -rf "$folder" || rm -rf "$folder" || { sleep 1; rm -rf "$folder"; }
