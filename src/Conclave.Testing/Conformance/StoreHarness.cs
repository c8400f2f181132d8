using System.Collections.Concurrent;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>
/// How the conformance cases get at a store. One harness serves one case: it begins with an empty namespace, in which several store objects
/// may be opened, and removes it when it is disposed.
/// </summary>
public abstract class StoreHarness : IAsyncDisposable
{
    private readonly ConcurrentQueue<IStore> _opened = [];
    private readonly ConcurrentQueue<ChaosStore> _chaos = [];

    /// <summary>The clock of the case, given to every store it opens.</summary>
    public ManualTimeProvider Time { get; } = new();

    /// <summary>Where the case's random decisions come from, and those of chaos.</summary>
    /// <value>1.</value>
    public int Seed { get; set; } = 1;

    /// <summary>True to run the case through a <see cref="ChaosStore"/>.</summary>
    /// <value>false.</value>
    public bool IsChaotic { get; set; }

    /// <summary>
    /// False when the store's sessions do not follow the clock they are given, as those of a server: then the cases wait in real time, with
    /// short times to live.
    /// </summary>
    /// <value>true.</value>
    public virtual bool FollowsClock => true;

    /// <summary>Longer than the store may take for anything that it does without waiting.</summary>
    /// <value>30 seconds.</value>
    public virtual TimeSpan Patience => TimeSpan.FromSeconds(30);

    /// <summary>Opens one more store object on the harness's namespace; the case disposes it.</summary>
    /// <param name="time">The clock of sessions and of the longest silence. It may stand still: pauses of a poll or a retry take the real one.</param>
    /// <returns>The store: what another process would have, as far as the engine can tell.</returns>
    protected abstract IStore Open(TimeProvider time);

    /// <summary>Removes the namespace.</summary>
    protected virtual ValueTask CleanUpAsync() => ValueTask.CompletedTask;

    /// <summary>How often chaos did what in this case; all zero when it was not asked to.</summary>
    /// <param name="fault">The kind of fault.</param>
    /// <returns>The sum over all stores of the case.</returns>
    public int Faults(ChaosFault fault) => _chaos.Sum(c => c.Counts[fault]);

    /// <summary>Closes what the case opened and removes the namespace.</summary>
    public async ValueTask DisposeAsync()
    {
        await CloseStoresAsync().ConfigureAwait(false);
        await CleanUpAsync().ConfigureAwait(false);
        GC.SuppressFinalize(this);
    }

    /// <summary>The clock that the store's sessions follow.</summary>
    internal TimeProvider Clock => FollowsClock ? Time : TimeProvider.System;

    internal async Task CloseStoresAsync()
    {
        while (_opened.TryDequeue(out var store))
        {
            await store.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Opens a store for a case about the store itself. Through chaos it is late, unavailable, and hints for no reason; what is refused is
    /// repeated here, so a case sees what its own calls did. Unknown outcomes are left to the cases that check histories and claims.
    /// </summary>
    internal IStore Connect() => Keep(IsChaotic
        ? new PatientStore(Disturb(Open(Clock), o => o with { UnknownApplied = 0, UnknownNotApplied = 0, UnknownAppliedLate = 0, SessionsEnded = 0 }))
        : Open(Clock));

    /// <summary>Opens a store for a client that must cope by itself: through chaos everything happens that the contract allows.</summary>
    /// <param name="time">The clock, or null for the real one.</param>
    /// <param name="sessionsEnded">The share of renewals that end the session.</param>
    /// <param name="change">What else to change of a bad day, or null.</param>
    internal IStore ConnectUnderClient(TimeProvider? time = null, double sessionsEnded = 0, Func<ChaosOptions, ChaosOptions>? change = null)
    {
        var store = Open(time ?? new BootTimeProvider());
        return Keep(IsChaotic
            ? Disturb(store, o => (change?.Invoke(o) ?? o) with { SessionsEnded = sessionsEnded })
            : store);
    }

    /// <summary>Opens a store that chaos does not touch: what a case looks through at what is really there.</summary>
    /// <param name="time">The clock.</param>
    internal IStore ConnectBehindChaos(TimeProvider time) => Keep(Open(time));

    /// <summary>Ends all faults, and waits until everything that was sent late has landed.</summary>
    internal async Task CalmAsync()
    {
        foreach (var chaos in _chaos)
        {
            chaos.IsCalm = true;
        }

        foreach (var chaos in _chaos)
        {
            await chaos.WaitForLateAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Lets time pass for the store.</summary>
    internal async Task PassAsync(TimeSpan span)
    {
        if (FollowsClock)
        {
            Time.Advance(span);
            await Task.Yield();
        }
        else
        {
            await Task.Delay(span, TimeProvider.System).ConfigureAwait(false);
        }
    }

    /// <summary>Waits for a condition, letting a little time pass for the store again and again.</summary>
    internal async Task UntilAsync(Func<ValueTask<bool>> condition, string what)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (!await condition().ConfigureAwait(false))
        {
            Check.That(TimeProvider.System.GetElapsedTime(start) < Patience, $"{what}: not within {Patience.TotalSeconds} s");
            await PassAsync(TimeSpan.FromMilliseconds(20)).ConfigureAwait(false);
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System).ConfigureAwait(false);
        }
    }

    /// <summary>The result of something that must end without time passing for the store.</summary>
    internal async Task<T> SoonAsync<T>(Task<T> task, string what)
    {
        try
        {
            return await task.WaitAsync(Patience, TimeProvider.System).ConfigureAwait(false);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            throw new ConformanceException($"{what}: not within {Patience.TotalSeconds} s");
        }
    }

    private ChaosStore Disturb(IStore store, Func<ChaosOptions, ChaosOptions> change)
    {
        var chaos = new ChaosStore(store, change(ChaosOptions.BadDay((Seed * 1000) + _chaos.Count)));
        _chaos.Enqueue(chaos);
        return chaos;
    }

    private IStore Keep(IStore store)
    {
        _opened.Enqueue(store);
        return store;
    }
}
