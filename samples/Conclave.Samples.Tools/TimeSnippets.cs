using Conclave.Timekeeping;

namespace Conclave.Samples.Tools;

/// <summary>The code of docs/tools/time.md; the tests run it.</summary>
public static class TimeSnippets
{
    public static async Task<ClockReading> ReadAsync(string[] servers, CancellationToken cancellationToken)
    {
        // <read>
        await using var clock = new NtpClock(servers);
        await clock.WaitUntilSynchronizedAsync(cancellationToken);

        var now = clock.Read();
        Console.WriteLine($"between {now.Earliest:O} and {now.Latest:O} ({now.State})");
        // </read>
        return now;
    }

    public static string Decide(SynchronizedClock clock, DateTimeOffset deadline)
    {
        // <decide>
        return clock.IsAfter(deadline) switch
        {
            true => "too late, whatever clock you ask",
            false => "in time, whatever clock you ask",
            null => "nobody can tell",
        };
        // </decide>
    }

    public static async Task CommitAsync(SynchronizedClock clock, Func<DateTimeOffset, Task> writeAsync, Func<Task> tellAsync, CancellationToken cancellationToken)
    {
        // <commit-wait>
        var stamp = clock.Now.Latest; // not before now, on any clock that is right
        await writeAsync(stamp);
        await clock.WaitUntilAfterAsync(stamp, cancellationToken);
        await tellAsync(); // who hears of it now will stamp later than this stamp
        // </commit-wait>
    }

    public static DateTimeOffset Provide(SynchronizedClock clock)
    {
        // <time-provider>
        TimeProvider time = clock.ToTimeProvider();
        var now = time.GetUtcNow();
        // </time-provider>
        return now;
    }

    public static HybridTimestamp Stamp(SynchronizedClock clock, HybridTimestamp fromTheMessage)
    {
        // <hybrid>
        var hybrid = new HybridClock(clock);
        var sent = hybrid.Tick(); // goes with the message, as 8 bytes or 16 hexadecimal digits

        var arrived = hybrid.Receive(fromTheMessage); // larger than the message's, and than all before
        // </hybrid>
        return sent < arrived ? arrived : default;
    }

    public static async Task<ClockReport> CompareAsync(ConclaveClient conclave, SynchronizedClock clock, Action<string> log, CancellationToken cancellationToken)
    {
        // <skew>
        await using var place = await conclave.Clocks().JoinAsync(clock, cancellationToken: cancellationToken);
        place.Compared += (_, report) =>
        {
            foreach (var wrong in report.Skewed)
            {
                log($"the clock of {wrong.Name} is {wrong.Apart} away from what the majority allows");
            }
        };
        var now = await place.CompareAsync(cancellationToken);
        // </skew>
        return now;
    }
}
