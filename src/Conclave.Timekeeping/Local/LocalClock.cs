namespace Conclave.Timekeeping;

/// <summary>
/// The wall clock of this machine, with the bound that the kernel knows for it where a daemon (chrony, ntpd) tells the kernel. Where nobody
/// does, the bound is unknown; it is never taken for zero.
/// </summary>
/// <remarks>
/// The kernel is asked at most once a second, by who reads. Between that, the reading follows the monotonic clock, so that a step of the wall
/// clock shows after a second at the latest; until then the time from before the step is told, with its bound.
/// </remarks>
public sealed class LocalClock : SynchronizedClock
{
    private const int Attempts = 3;

    // what the kernel adds to its bound by itself
    private const double KernelDrift = 500e-6;

    private readonly IKernelClock _kernel;
    private string _explanation = "";

    /// <summary>Creates a clock.</summary>
    /// <param name="timeProvider">The wall clock and the monotonic clock; or null for those of the system, of which the monotonic one counts suspend.</param>
    public LocalClock(TimeProvider? timeProvider = null)
        : this(timeProvider ?? new BootTimeProvider(), new KernelClock())
    {
    }

    internal LocalClock(TimeProvider timeProvider, IKernelClock kernel)
        : base(timeProvider, recent: false)
    {
        _kernel = kernel;
        _ = Refreshed();
    }

    /// <inheritdoc/>
    public override ClockStatus GetStatus()
    {
        var reading = Refreshed().After(0);
        var source = new ClockSource(
            "kernel", null, reading.IsBounded ? SourceVerdict.Used : SourceVerdict.Rejected, _explanation, TimeSpan.Zero, reading.Uncertainty, null, null, null);
        return new(reading, TimeSpan.Zero, null, [source], _explanation);
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private protected override ClockEstimate Refreshed()
    {
        var before = Estimate.State;
        var (bound, explanation) = Bound(_kernel.Read());
        var (stamp, ticks, error) = ReadWallClock();
        var estimate = new ClockEstimate
        {
            Stamp = stamp,
            Ticks = ticks,
            Below = bound < 0 ? -1 : bound + error,
            Above = bound < 0 ? -1 : bound + error,
            Drift = KernelDrift,
            State = bound < 0 ? ClockState.Unsynchronized : ClockState.Synchronized,
            RefreshAfter = TimeSpan.TicksPerSecond,
        };
        _explanation = explanation;
        Set(estimate);
        if (before != estimate.State)
        {
            Wake();
            TellSafely(new(before, estimate.State, null, explanation));
        }

        return estimate;
    }

    private static (long Ticks, string Explanation) Bound(KernelEstimate? kernel) => kernel switch
    {
        null => (-1, "this system does not tell how wrong its clock may be"),
        { IsSynchronized: false } => (-1, "the kernel says that its clock is not synchronized: no daemon (chrony, ntpd) has told it otherwise"),
        // systemd-timesyncd sets both to zero, which says nothing
        { EstimatedError: var error } when error <= TimeSpan.Zero => (-1, "the kernel's clock is set by a daemon that does not say how wrong it may be"),
        { MaxError: var error } when error <= TimeSpan.Zero => (-1, "the kernel's clock is set by a daemon that does not say how wrong it may be"),
        { MaxError: var error } => (error.Ticks, "the bound is the one that the kernel keeps for its clock"),
    };

    /// <summary>Reads the wall clock between two looks at the monotonic one; who was interrupted in between looks again.</summary>
    private (long Stamp, long Ticks, long Error) ReadWallClock()
    {
        (long Stamp, long Ticks, long Error) best = default;
        for (int i = 0; i < Attempts; i++)
        {
            long before = Time.GetTimestamp();
            long wall = Time.GetUtcNow().UtcTicks;
            long after = Time.GetTimestamp();
            long error = (long)(TicksBetween(before, after) / 2) + 2;
            if (i == 0 || error < best.Error)
            {
                best = (before + ((after - before) / 2), wall, error);
            }
        }

        return best;
    }

    private void TellSafely(ClockChange change)
    {
        try
        {
            Tell(change);
        }
        catch (Exception)
        {
            // reading a clock does not fail because of somebody else's code
        }
    }
}
