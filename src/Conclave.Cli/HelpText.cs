namespace Conclave.Cli;

/// <summary>What <c>--help</c> prints.</summary>
internal static class HelpText
{
    public const string Root = """
        conclave runs commands under distributed locks, and shows who holds them.

        Usage:
          conclave lock NAME [options] -- COMMAND [ARGS…]   run a command while holding a lock
          conclave elect|semaphore|rwlock NAME …            the same as leader, with permits, to read or write
          conclave own KEY [options] -- COMMAND [ARGS…]     the same, but only usually alone
          conclave leader show|watch NAME                   show who leads
          conclave group join|list|watch NAME               join and show groups of processes
          conclave counter get|add NAME                     count together
          conclave time show [--server HOST]…               what time it is, and how wrong that may be
          conclave time skew                                compare the clocks of all processes
          conclave map get|set|list|watch|… NAME            share keys and values
          conclave completion bash|zsh|fish                 complete commands in your shell
          conclave status [NAME] [options]                  show holders and waiters
          conclave store check [URI] [options]              try a store, and tell what it guarantees

        Options of every command:
          --store URI   where the locks live: sqlite:PATH, etcd://HOST:PORT,HOST:PORT/NAMESPACE,
                        redis://HOST:PORT, postgres://USER@HOST/DATABASE, … (docs/engines.md);
                        else $CONCLAVE_STORE, else a file of this user:
                        ${XDG_STATE_HOME:-~/.local/state}/conclave/conclave.db
          --json        for programs: status as one JSON document on stdout,
                        events of lock as JSON Lines on stderr
          --quiet       only errors on stderr
          --help        help, also for one command: conclave lock --help
          --version     the version

        Examples:
          conclave lock backup -- ./backup.sh                 one backup at a time
          conclave lock backup --try -- ./backup.sh || true   skip it when one is running
          conclave status                                     who is running what

        """;

    public const string Lock = """
        Runs a command while holding a lock. Waits for the lock without limit, unless told otherwise.

        Usage:
          conclave lock NAME [--wait DURATION | --try] [options] -- COMMAND [ARGS…]

        Options:
          --wait DURATION   wait so long at most, then exit with 75
          --try             do not wait: exit with 75 when somebody holds the lock
          --ttl DURATION    how long the lock outlives a crash of this machine, 2s to 10m (15s)
          --grace DURATION  how long before losing the lock the command gets SIGTERM (a third of ttl);
                            when the lock is lost it gets SIGKILL
          --label TEXT      what others see beside host and process (the command's name)
          --store URI, --json, --quiet: see conclave --help

        DURATION is 500ms, 10s, 1m30s or 2h; a number alone is refused.

        The command gets CONCLAVE_LOCK and CONCLAVE_TOKEN, a number that rises with every grant: send it
        with your writes, and let the receiver refuse a smaller one than it has seen.

        The command never outlives the lock, with all of its process group: background children are ended
        when it ends, and everything is killed when the lock is lost or conclave itself is killed. What
        leaves the group on purpose escapes (setsid, daemons, job control of an interactive shell).
        Ctrl-C and signals reach the command; it cannot be suspended with Ctrl-Z.

        Exit codes: the command's own; 128+n when signal n ended it; 127 not found; 126 not executable;
          64 wrong usage            69 store unavailable        70 lock lost
          73 store not creatable    74 stdout not writable      75 not acquired in time
          77 access refused         78 wrong store or setting

        Examples:
          conclave lock deploy -- make deploy
          conclave lock nightly --try -- ./nightly.sh                from cron: skip it while one still runs
          conclave lock db/orders --wait 1m30s -- psql -f fix.sql
          conclave lock ci --label "build $BUILD_ID" -- sh -c './build && ./test'
          CONCLAVE_STORE=sqlite:/srv/locks.db conclave lock x -- sh -c 'echo "$CONCLAVE_TOKEN"'

        """;

    public const string Status = """
        Shows who holds which lock, reader-writer lock, semaphore or leadership, since when, and who waits.
        For the rest: 'conclave leader', 'conclave group'.

        Usage:
          conclave status [NAME] [options]

        There is a line for each who holds something. With NAME the waiters are listed as well, in the order in
        which they will get it. SINCE is when the holder asked for it, in local time.

        Options:
          --json   one JSON document: { store, locks: [ … ], readerWriterLocks: [ … ], semaphores: [ … ],
                   elections: [ … ] }, each of them { name, holder, holders: [ … ], waiters: [ … ] }, each
                   contender { host, pid, process, label, token, since }; times in UTC
          --store URI, --quiet: see conclave --help

        Examples:
          conclave status
          conclave status deploy
          conclave status --json | jq -r '.locks[] | "\(.name) \(.holder.host):\(.holder.pid)"'

        """;

    public const string Store = """
        Tries everything once that a lock needs, and tells what the store guarantees.

        Usage:
          conclave store check [URI] [options]

        Without URI it is the store of --store, $CONCLAVE_STORE, or this user's file. It opens a session,
        reads, writes and waits below the prefix 'check/', and removes what it wrote. Exits with 0 when the
        store can be used; otherwise with the exit code that 'conclave lock' would end with, and says why.

        Options:
          --json   one JSON document: times in milliseconds, guarantees as data
          --store URI, --quiet: see conclave --help

        Examples:
          conclave store check sqlite:/srv/locks.db
          conclave store check --json | jq .guarantees

        """;
}
