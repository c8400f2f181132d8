namespace Conclave.Cli;

/// <summary>What <c>--help</c> prints for the commands about time.</summary>
internal static class TimeHelpText
{
    public const string Time = """
        Tells what time it is and how wrong that may be, and compares the clocks of processes.

        Usage:
          conclave time show [--server HOST]… [--watch]   ask time servers, or the kernel of this machine
          conclave time skew [--watch]                    compare the clocks of all processes on a store

        See 'conclave time show --help' and 'conclave time skew --help'.

        Examples:
          conclave time show
          conclave time skew

        """;

    public const string Show = """
        Tells what time it is, how wrong that may be, and what each time server says.

        Usage:
          conclave time show [--server HOST]… [options]

        Options:
          --server HOST   a time server (NTP): HOST, HOST:PORT, ADDRESS or [IPv6]:PORT; may be repeated.
                          Name four or more: a majority must agree, so one of three or two of five may lie.
                          Without it: the clock of this machine, with the bound that the kernel keeps
          --watch         a line per second until Ctrl-C, polling as a service would
          --json          one JSON document (seconds, UTC); JSON Lines with --watch
          --quiet: see conclave --help

        Reading the result:
          OFFSET    what would have to be added to the clock of this machine
          BOUND     how far the truth may be from it: half the delay, and what the server says of itself
          DELAY     the round trip
          used      agrees with the majority, and counts
          spare     agrees, but others agree more closely
          outvoted  contradicts the majority; WHY says by how much
          rejected  says of itself that it is wrong, or answers what cannot be; WHY says what
          silent    does not answer, or cannot be found

        Each server is asked four times within a second. Exits with 0 when a bound is known, with 75 when
        not: nobody answers, too few agree, or nobody keeps the clock of this machine.

        Examples:
          conclave time show
          conclave time show --server time1.example.org --server time2.example.org --server time3.example.org
          conclave time show --server 127.0.0.1:1123 --json | jq .uncertaintySeconds

        """;

    public const string Skew = """
        Compares the clocks of all processes that take part: each reads its clock when it is asked, and one
        that cannot be right if the majority is, is named.

        Usage:
          conclave time skew [--server HOST]… [--watch] [options]

        Options:
          --group NAME    which clocks (all)
          --server HOST   bring a clock that asks these time servers; see conclave time show --help.
                          Without it: the clock of this machine, with the bound that the kernel keeps
          --watch         stay and take part; a line for each comparison and each skewed clock, until Ctrl-C
          --json          one JSON document (seconds); JSON Lines with --watch
          --store URI, --quiet: see conclave --help

        Reading the result:
          OFFSET      how far it is ahead of our clock, give or take RESOLUTION (messages take time)
          BOUND       what the clock claims about itself
          agrees      it can be right, together with the majority
          skewed      it cannot; WHY says by how much its claim misses
          undecided   there is no majority to compare it with
          no bound    it claims nothing, so it cannot be wrong
          silent      its process does not answer

        Who takes part: programs that join a clock group (docs/tools/time.md), and 'conclave time skew --watch'.
        Exits with 0 when no clock is skewed and a majority agrees or none claims a bound, else with 65.

        Examples:
          conclave time skew --watch --server time1.example.org --server time2.example.org --server time3.example.org
          conclave time skew || echo 'look at the clocks'

        """;
}
