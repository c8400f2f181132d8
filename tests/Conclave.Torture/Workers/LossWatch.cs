using System.Collections.Concurrent;

namespace Conclave.Torture;

/// <summary>
/// Looks at every claim on a thread of its own, to know since when one can no longer be believed, and tells how much later its Lost signal came.
/// </summary>
internal sealed class LossWatch : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(2);

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
            _journal.Tell($"lost {id} {(watched.Since is { } since ? (now - since) / 1e6 : 0)}{Cause(watched.Claim)}");
        }
    }

    private void Run()
    {
        while (!_stop.Wait(Interval))
        {
            foreach (var (id, watched) in _watched)
            {
                long? since = watched.Claim.IsHeld ? null : watched.Since ?? _journal.Now;
                if (since != watched.Since)
                {
                    _watched.TryUpdate(id, (watched.Claim, since), watched);
                }
            }
        }
    }
}
