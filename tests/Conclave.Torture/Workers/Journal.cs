using System.Globalization;

namespace Conclave.Torture;

/// <summary>What a worker tells, one line per event, as it happens: a worker that is killed has told all it knew.</summary>
/// <remarks>
/// Times are of the boot clock in nanoseconds, so those of all processes of the machine compare.
/// <code>
/// grant ID KIND NAME WEIGHT TOKEN CALLED GRANTED    a claim
/// look ID WHEN                                      its holder looked, and believed in it
/// end ID WHEN HOW [forgotten]                       its holder stops believing: released, lost; the store no longer knew its session
/// gone ID                                           its holder released it, and heard that it had been lost
/// lost ID WHEN LATE_MS [forgotten]                  its Lost signal came, so much after its last safe moment was over
/// adding KIND NAME, added KIND NAME                 one is added to a counter, an entry of a map, or what an ownership is about; it is known to have been added
/// conflict KIND NAME                                it is known not to have been added
/// write NAME OUTCOME                                a write to the guarded resource: accepted, refused
/// did KIND                                          an exercise that is no claim got its turn
/// cost COMMITS WAITS RENEWALS                       what went to the store so far; a wait ends with a wake-up
/// wrong ORACLE: TEXT                                what the worker itself saw that must not be
/// error TEXT                                        what nobody expected
/// </code>
/// </remarks>
internal sealed class Journal(BootTimeProvider clock, TextWriter output)
{
    private readonly Lock _lock = new();
    private long _lastClaim;

    public long Now => clock.GetTimestamp();

    public long NextClaim() => Interlocked.Increment(ref _lastClaim);

    public void Tell(FormattableString line)
    {
        string text = line.ToString(CultureInfo.InvariantCulture);
        lock (_lock)
        {
            output.WriteLine(text);
            output.Flush();
        }
    }

    public void Wrong(string oracle, FormattableString what) => Tell($"wrong {oracle}: {what.ToString(CultureInfo.InvariantCulture).ReplaceLineEndings(" | ")}");

    public void Tell(Exception unexpected) => Tell($"error {unexpected.ToString().ReplaceLineEndings(" | ")}");
}
