namespace Conclave.Redis;

/// <summary>
/// After the server may have forgotten sessions, nobody gets a new one until every holder of an old one has stopped believing. The time is
/// measured by the monotonic clocks of those who want one, in spans that never overlap, so that also processes that live shorter get there together.
/// </summary>
internal sealed class WaitOut(TimeProvider time)
{
    private readonly Lock _lock = new();
    private string _seen = "";
    private long _seenAt;

    /// <summary>Notes what the server says that was seen so far; it came just now.</summary>
    /// <param name="seen">The milliseconds, as the server wrote them; the empty string when there is nothing to wait for.</param>
    /// <param name="begins">True when the namespace has begun a new life: what we watched before was another wait-out.</param>
    public void Note(string seen, bool begins = false)
    {
        lock (_lock)
        {
            // the span that we watch goes on for as long as nobody else's was counted
            if (begins || seen != _seen)
            {
                (_seen, _seenAt) = (seen, time.GetTimestamp());
            }
        }
    }

    /// <summary>What to tell the server: what it said last, and for how long we have waited since.</summary>
    public (string Seen, long WaitedMilliseconds) Tell()
    {
        lock (_lock)
        {
            return (_seen, _seen.Length == 0 ? 0 : (long)time.GetElapsedTime(_seenAt).TotalMilliseconds);
        }
    }
}
