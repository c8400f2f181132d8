using System.Collections.Concurrent;

namespace Conclave.Torture;

/// <summary>
/// Looks at every claim on a thread of its own, to know since when one can no longer be believed, and tells how much later its Lost signal came. It is the first
/// who looks after a pause of the process, before any timer of it.
/// </summary>
internal sealed class LossWatch : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(2);

    // longer than a processor is ever late
    private const long Pause = 200_000_000;

    private readonly Journal _journal;
    private readonly ConcurrentDictionary<long, (Claim Claim, long? Since)> _watched = [];
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;

    public LossWatch(Journal journal)
    {
        _journal = journal;
        _thread = new Thread(Run) { IsBackground = true };
        _thread.Start();
    }

    public void Add(long id, Claim claim)
    {
        _watched[id] = (claim, null);
        claim.Lost.UnsafeRegister(_ => OnLost(id), null);
    }

    /// <summary>Looks whether a claim is believed, and tells of it.</summary>
    public bool Look(long id, Claim claim)
    {
        // the time before the look: at that moment it was believed at the latest
        long now = _journal.Now;
        bool isHeld = claim.IsHeld;
        if (isHeld)
        {
            _journal.Tell($"look {id} {now}");
        }

        return isHeld;
    }

    /// <summary>Why a claim was lost, as the journal tells it.</summary>
    public static string Cause(Claim claim)
    {
        try
        {
            claim.ThrowIfLost();
            return "";
        }
        catch (ClaimLostException e)
        {
            return e.Cause.Contains("no longer knows its session", StringComparison.Ordinal) ? " forgotten" : "";
        }
    }

    public void Remove(long id) => _watched.TryRemove(id, out _);

    public void Dispose()
    {
        _stop.Set();
        _thread.Join();
        _stop.Dispose();
    }

    private void OnLost(long id)
    {
        long now = _journal.Now;
        if (_watched.TryRemove(id, out var watched))
        {
            _journal.Tell($"lost {id} {now} {(watched.Since is { } since ? (now - since) / 1e6 : 0)}{Cause(watched.Claim)}");
        }
    }

    private void Run()
    {
        long last = _journal.Now;
        while (!_stop.Wait(Interval))
        {
            bool paused = _journal.Now - last > Pause;
            foreach (var (id, watched) in _watched)
            {
                bool isHeld = paused ? Look(id, watched.Claim) : watched.Claim.IsHeld;
                long? since = isHeld ? null : watched.Since ?? _journal.Now;
                if (since != watched.Since)
                {
                    _watched.TryUpdate(id, (watched.Claim, since), watched);
                }
            }

            last = _journal.Now;
        }
    }
}
