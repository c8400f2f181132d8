namespace Conclave.Ownership;

/// <summary>
/// For how long a record has stood still, on our own monotonic clock: from the first answer that showed it as it is. Only this decides that
/// an owner is gone; no wall clock does.
/// </summary>
internal sealed class Stillness(TimeProvider time)
{
    private long _revision = -1;
    private long _since;

    /// <summary>Hears of an answer.</summary>
    public void Look(KeyState seen)
    {
        long revision = seen.RecordEntry?.Revision ?? 0;
        if (revision != _revision)
        {
            (_revision, _since) = (revision, seen.ReceivedAt);
        }
    }

    public TimeSpan Now => time.GetElapsedTime(_since);
}
