using Conclave.Storage;

namespace Conclave.Redis;

/// <summary>A commit met sessions that look dead. Nothing was applied.</summary>
internal sealed class SuspectsException(IReadOnlyList<SessionBeat> suspects) : Exception
{
    public IReadOnlyList<SessionBeat> Suspects => suspects;
}

/// <summary>
/// Finds out whether sessions live that the server's wall clock takes for overdue: watches their beats, and tells the server for how long, so that
/// several short-lived processes in turn bury what none of them watches for a whole time to live.
/// </summary>
/// <param name="executor">Asks the server.</param>
/// <param name="time">The clock that watches.</param>
/// <param name="patience">How long one commit waits for the decision, before it goes on beside them.</param>
internal sealed class Suspects(Executor executor, TimeProvider time, TimeSpan patience)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Waits until every suspect has moved or is gone.</summary>
    /// <param name="suspects">The suspects.</param>
    /// <param name="startedAt">When the commit began to wait.</param>
    /// <param name="cancellationToken">Cancels; nothing was applied.</param>
    /// <returns>False when patience ended first.</returns>
    public async ValueTask<bool> DecideAsync(IReadOnlyList<SessionBeat> suspects, long startedAt, CancellationToken cancellationToken)
    {
        var watched = suspects.ToDictionary(s => s, _ => (Seen: "", SeenAt: 0L));
        while (watched.Count > 0)
        {
            foreach (var (suspect, (seen, seenAt)) in watched.ToArray())
            {
                long span = seen.Length == 0 ? 0 : (long)time.GetElapsedTime(seenAt).TotalMilliseconds;
                string? now = await executor.RunAsync(
                    static (at, s) => SessionScripts.Witness(at, s.suspect, s.seen, s.span), (suspect, seen, span), isWriting: false, cancellationToken).ConfigureAwait(false);
                if (now is null)
                {
                    watched.Remove(suspect);
                }
                else if (now != seen)
                {
                    watched[suspect] = (now, time.GetTimestamp());
                }
            }

            if (watched.Count > 0)
            {
                if (time.GetElapsedTime(startedAt) > patience)
                {
                    return false;
                }

                await Task.Delay(Pause, time, cancellationToken).ConfigureAwait(false);
            }
        }

        return true;
    }
}
