namespace Conclave.Timekeeping;

/// <summary>
/// The clocks of all processes that share a store, under a name. Each publishes what its clock shows beside its session; one that cannot be right
/// if the majority is, is reported to all. Cheap and stateless; make one whenever you need it.
/// </summary>
public sealed class ClockGroup
{
    private readonly MemberGroup _group;

    internal ClockGroup(MemberGroup group, string name) => (_group, Name) = (group, name);

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>Joins the group with a clock: from now on it is compared with those of the others.</summary>
    /// <param name="clock">The clock; it is not disposed.</param>
    /// <param name="options">The settings, or null for the defaults.</param>
    /// <param name="cancellationToken">Cancels the call; nothing is left behind.</param>
    /// <returns>The membership; dispose it to leave. If the session ends, it joins again by itself.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    /// <exception cref="StoreUnavailableException">The store could not be asked within the operation timeout.</exception>
    public async ValueTask<ClockMembership> JoinAsync(SynchronizedClock clock, ClockGroupOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(clock);
        options ??= new();
        options.Check();
        var membership = new ClockMembership(_group, clock, options);
        try
        {
            await membership.StartAsync(cancellationToken).ConfigureAwait(false);
            return membership;
        }
        catch
        {
            await membership.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
