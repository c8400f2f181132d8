using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;

namespace Conclave.Timekeeping;

/// <summary>A clock in a group: published, and compared with those of the others. Dispose it to leave.</summary>
public sealed partial class ClockMembership : IAsyncDisposable
{
    private readonly MemberGroup _group;
    private readonly SynchronizedClock _clock;
    private readonly ClockGroupOptions _options;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _turn = new(1);
    private readonly Meter _meter = new("Conclave");
    private readonly Counter<long> _skews;
    private Task _work = Task.CompletedTask;
    private ClockReport? _report;

    internal ClockMembership(MemberGroup group, SynchronizedClock clock, ClockGroupOptions options)
    {
        (_group, _clock, _options) = (group, clock, options);
        _skews = _meter.CreateCounter<long>("conclave.clock.skews", "{clock}", "Clocks that a comparison of this process found to contradict the majority.");
        _meter.CreateObservableGauge("conclave.clock.skewed", () => Report?.Skewed.Count() ?? 0, "{clock}", "Clocks that contradict the majority, as of the last comparison.");
    }

    /// <summary>Tells each comparison, whoever made it. Raised in the background; handlers should be quick.</summary>
    [SuppressMessage("Design", "CA1003", Justification = "The report is a record, as everywhere in Conclave.")]
    public event Action<ClockMembership, ClockReport>? Compared;

    /// <summary>What names this clock in the reports. It changes when the session ended and the clock has joined again.</summary>
    public string Id => _place!.Id;

    /// <summary>The last comparison, whoever made it; null if there was none.</summary>
    public ClockReport? Report => Volatile.Read(ref _report);

    /// <summary>Whether the last comparison found that our clock cannot be right if the majority is; null if there was none, or no majority, or our clock claims no bound.</summary>
    public bool? IsSkewed => Report?.Find(Id)?.Verdict switch
    {
        ClockVerdict.Skewed => true,
        ClockVerdict.Agrees => false,
        _ => null,
    };

    /// <summary>Compares all clocks now: asks everybody to read theirs.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The comparison, with everybody who answered within <see cref="ClockGroupOptions.AnswerTimeout"/>.</returns>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    /// <exception cref="ClaimLostException">The session ended meanwhile; the clock joins again by itself.</exception>
    public async ValueTask<ClockReport> CompareAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_stop.IsCancellationRequested, this);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
        await _turn.WaitAsync(either.Token).ConfigureAwait(false);
        try
        {
            return await _place!.CompareAsync(either.Token).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Leaves the group. Never throws for trouble with the store.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_place is { } place)
        {
            await place.DisposeAsync().ConfigureAwait(false);
        }

        _meter.Dispose();
    }

    internal async ValueTask StartAsync(CancellationToken cancellationToken)
    {
        _place = await ClockPlace.JoinAsync(this, _group, _clock, _options, cancellationToken).ConfigureAwait(false);
        _work = Task.WhenAll(StayAsync(), CompareRegularlyAsync());
    }

    /// <summary>A comparison was made, by us or by somebody else.</summary>
    internal void Tell(ClockReport report, bool isOurs)
    {
        Volatile.Write(ref _report, report);
        try
        {
            if (isOurs && report.Skewed.Count() is > 0 and var skewed)
            {
                _skews.Add(skewed);
            }

            Compared?.Invoke(this, report);
        }
        catch (Exception)
        {
            // what a listener throws must not end the comparisons
        }
    }
}
