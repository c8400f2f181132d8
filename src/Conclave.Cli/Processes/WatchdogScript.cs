namespace Conclave.Cli.Processes;

/// <summary>What the watchdog runs: POSIX sh, tried with dash and bash.</summary>
internal static class WatchdogScript
{
    /// <summary>
    /// $1 is the mark in the command's environment; it begins with the process id of conclave ($PPID may be another's by the time we ask).
    /// Descriptor 3 is a socket to conclave, 4 keeps the store's sessions of conclave alive until we exit. "read" fails when conclave is gone,
    /// and when the socket's receive timeout, which is the safe time of the claim, has passed in silence.
    /// </summary>
    public const string Text = """
        trap '' HUP INT QUIT TERM USR1 USR2 ALRM PIPE TSTP TTIN TTOU
        mark=$1 conclave=${1%%-*} group=
        nap() { sleep 0.05 3<&- 4<&- || sleep 1 3<&- 4<&-; }
        fields() { read -r stat 2>/dev/null <"$1/stat" && stat=${stat##*) }; }  # state parent group ...
        while read -r word value <&3; do
          case $word in
            guard) group=$value ;;
            done) exit 0 ;;
          esac
        done
        if [ -z "$group" ]; then
          # conclave died or hung between starting the command and telling its group: find it by the mark
          while fields /proc/$$; set -- $stat; [ "$2" = "$conclave" ]; do kill -s KILL "$conclave"; nap; done
          read -r word <&3  # ends when nobody holds the other side: what was started has been executed, and has the mark
          while found=$(grep -ls "CONCLAVE_GUARD=$mark" /proc/[0-9]*/environ 3<&- 4<&-); [ "$found" ]; do
            for file in $found; do
              pid=${file#/proc/} pid=${pid%/*}
              kill -s KILL -- "-$pid" "$pid"
            done
            nap
          done
          exit 0
        fi
        # a zombie is not alive: maybe nobody reaps it; but its other threads may be
        alive() {
          fields /proc/$$ || { kill -s 0 -- "-$group"; return; }  # no /proc: as good as we can tell
          for process in /proc/[0-9]*; do
            fields "$process" || continue
            set -- $stat
            [ "$3" = "$group" ] || continue  # also where it is another user's (sudo), which kill could not tell from gone
            case $1 in Z | X) set -- "$process"/task/*; [ $# -gt 1 ] || continue ;; esac
            return 0
          done
          return 1
        }
        while alive; do kill -s KILL -- "-$group"; nap; done
        """;
}
