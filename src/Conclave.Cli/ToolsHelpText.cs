namespace Conclave.Cli;

/// <summary>What <c>--help</c> prints for the tools beside the lock.</summary>
internal static class ToolsHelpText
{
    private const string HoldOptions = """
          --wait DURATION, --try, --ttl, --grace, --label, --store, --json, --quiet:
                        as for the lock, see conclave lock --help

        The command has the same guarantees, and conclave the same exit codes, as with 'conclave lock'.
        """;

    public const string Elect = $"""
        Runs a command while being the leader. Waits for the leadership without limit, unless told otherwise.

        Usage:
          conclave elect NAME [--value V] [--wait DURATION | --try] [options] -- COMMAND [ARGS…]

        Options:
          --value V     what the leader tells about itself, for example its address (HOST:PID)
        {HoldOptions}
        The command gets CONCLAVE_ELECTION and CONCLAVE_TOKEN.

        Examples:
          conclave elect scheduler --value "$HOSTNAME:8080" -- ./scheduler
          conclave leader show scheduler
          until conclave elect scheduler -- ./scheduler; do sleep 1; done    campaign again until it ends well

        """;

    public const string Semaphore = $"""
        Runs a command while holding permits of a semaphore: at most N in use at a time.

        Usage:
          conclave semaphore NAME --permits N [--count K] [--wait DURATION | --try] [options] -- COMMAND [ARGS…]

        Options:
          --permits N   how many permits there are; all who use the name must agree, or else whoever comes
                        while others hold permits or wait for them, with another number, gets 78
          --count K     how many of them the command needs (1)
        {HoldOptions}
        The command gets CONCLAVE_SEMAPHORE and CONCLAVE_TOKEN, which here only identifies the permits.

        Examples:
          conclave semaphore builds --permits 4 -- make all          at most four builds in the whole company
          conclave semaphore gpu --permits 8 --count 2 -- ./train

        """;

    public const string ReaderWriterLock = $"""
        Runs a command while holding a reader-writer lock: many readers, or one writer.

        Usage:
          conclave rwlock NAME --read|--write [--wait DURATION | --try] [options] -- COMMAND [ARGS…]

        Options:
          --read        together with other readers
          --write       alone
        {HoldOptions}
        A reader that comes after a waiting writer waits behind it. The command gets CONCLAVE_RWLOCK and
        CONCLAVE_TOKEN.

        Examples:
          conclave rwlock catalog --read -- ./report
          conclave rwlock catalog --write --wait 10m -- ./reindex

        """;

    public const string Own = """
        Runs a command while owning a key, usually as the only one. This is not a lock: the command may run
        twice at the same time, when an owner is slow or cut off from the store. Use it for work that is safe
        to do twice but wasteful; otherwise use conclave lock. Waits without limit, unless told otherwise.

        Usage:
          conclave own KEY [--wait DURATION | --try] [options] -- COMMAND [ARGS…]

        Options:
          --wait DURATION      wait so long at most, then exit with 75
          --try                do not wait for an owner that lives: exit with 75 as soon as it is seen to refresh
                               (half of --refresh); one that crashed is followed
          --on-lost ignore     when the ownership is lost, say so and let the command go on (the default)
          --on-lost terminate  send it SIGTERM then, and SIGKILL after the grace; exit with 70 (not while conclave
                               itself is stopped)
          --grace DURATION     how long it has to end then (5s)
          --refresh DURATION   how long an ownership is good without a refresh, 10ms to 10m (2s): after a crash
                               the next one runs that much later; all who share keys should agree
          --acquire DURATION   how often the first in line looks when no hint comes (150ms)
          --owner TEXT         what others see (HOST:PID)
          --prefix TEXT        what keys have in common; those of other prefixes are other keys (cli). To share
                               keys with a program, give its prefix, and its refresh interval (400ms)
          --store URI, --json, --quiet: see conclave --help

        Owners follow each other in the order in which they came. The command gets CONCLAVE_OWN, which is KEY,
        and CONCLAVE_OWNER. There is no token. It is ended with its process group when conclave is killed.

        Exit codes: the command's own, and those of 'conclave lock'; 70 only with '--on-lost terminate'.

        Examples:
          conclave own thumbnails/42 -- ./render 42           twice would only be a waste
          conclave own report --try -- ./report || true       skip it when one is running
          conclave own cache --on-lost terminate -- ./warm-up

        """;

    public const string Leader = """
        Shows who leads, once or whenever it changes.

        Usage:
          conclave leader show NAME [options]    VALUE  token T  HOST:PID; exits with 75 when nobody leads
          conclave leader watch NAME [options]   a line for the present leader, and for every change, until Ctrl-C

        Options:
          --json   one JSON document, or JSON Lines for watch: { time, name, value, leader: { host, pid, … } }
          --store URI, --quiet: see conclave --help

        Examples:
          conclave leader show scheduler
          conclave leader watch scheduler --json | jq -r .value

        """;

    public const string Group = """
        Groups of processes: join one while a command runs, list it, watch it.

        Usage:
          conclave group join NAME [--payload P] [options] -- COMMAND [ARGS…]
          conclave group list NAME [options]     PAYLOAD  ID, in the order of joining
          conclave group watch NAME [options]    a line for every member and every change, until Ctrl-C

        Options:
          --payload P   what the member tells about itself, for example its address (HOST:PID)
          --json        list: one JSON document; watch: JSON Lines
          --ttl, --grace, --label, --store, --quiet: as for the lock, see conclave lock --help

        Joining waits for nobody. The command of join has the same guarantees as with 'conclave lock', conclave the
        same exit codes. It gets CONCLAVE_GROUP.

        Examples:
          conclave group join web --payload "$HOSTNAME:8080" -- ./server
          conclave group list web
          conclave group watch web --json | jq -r '.change + " " + .member.payload'

        """;

    public const string Counter = """
        Numbers that all change together, one after the other; as durable as the store.

        Usage:
          conclave counter get NAME [options]            prints the number; 0 when nobody has changed it
          conclave counter add NAME [NUMBER] [options]   adds (1 if not told), and prints the sum

        A negative NUMBER subtracts. Each call adds exactly once, also when the store's answer is lost.

        Options:
          --store URI, --quiet: see conclave --help

        Examples:
          conclave counter add stock -5
          build=$(conclave counter add builds)

        """;

    public const string Map = """
        Maps that all processes share: keys with values, as durable as the store. Values are JSON, as programs
        store them unless they were told otherwise.

        Usage:
          conclave map get NAME KEY [options]                 prints the value; exits with 75 when there is none
          conclave map set NAME KEY VALUE [options]           sets it, and prints its revision; VALUE '-' reads stdin
          conclave map delete NAME KEY [options]              exits with 75 when there is nothing to delete
          conclave map list NAME [--after KEY] [options]      KEY  VALUE, in the order of the keys
          conclave map watch NAME [KEY] [options]             a line for what is there, and for every change, until Ctrl-C
          conclave map export NAME [--after KEY] [options]    JSON Lines on stdout: {"key":…,"value":…}
          conclave map import NAME [--from-line N] [options]  the same from stdin

        Options:
          --text           set: VALUE is a text, not JSON; get, list, watch: print texts without quotes
          --revision R     set, delete: only if the entry has this revision; 0 for set: only if there is none.
                           Exits with 75 when it is not so, and changes nothing
          --integer-keys   the map's keys are whole numbers: 42 instead of 00000000000000000042
          --               what follows is NAME, KEY and VALUE, also where they look like options
          --after KEY      begin behind this key, to go on where a list or an export was left
          --from-line N    skip the lines before, to go on where an import was left
          --json           get, list, watch: JSON Lines with revisions; export, import: progress as JSON Lines on stderr
          --store URI, --quiet: see conclave --help

        Export and import tell on stderr how far they are. An import writes nothing that is there already: one that
        was ended, even by kill -9, is simply run again. A line that is no entry ends it with 65 and is named; all
        lines before it are imported. A value that is no JSON is exported as {"key":…,"base64":…}; what is stored under
        no key of such a map as {"storeKey":…,…}, which is not imported.

        Examples:
          conclave map set config limits '{"rate":100}'
          conclave map get config limits | jq .rate
          conclave map set config motd --text "back at noon"
          conclave map watch config --json | jq -r '.key + " " + .change'
          conclave map export orders > orders.jsonl
          conclave map export orders --after "$(tail -n 1 orders.jsonl | jq -r .key)" >> orders.jsonl
          conclave map import orders < orders.jsonl

        """;

    public const string Completion = """
        Prints a script that completes commands and options of conclave.

        Usage:
          conclave completion bash|zsh|fish

        Examples:
          conclave completion bash > ~/.local/share/bash-completion/completions/conclave
          conclave completion zsh > "${fpath[1]}/_conclave"
          conclave completion fish > ~/.config/fish/completions/conclave.fish

        """;
}
