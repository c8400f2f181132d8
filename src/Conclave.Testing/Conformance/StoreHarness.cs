using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>
/// How the conformance cases get at a store. One harness serves one case: it begins with an empty namespace, in which several store objects
/// may be opened, and removes it when it is disposed.
/// </summary>
public abstract class StoreHarness : IAsyncDisposable
{
    private readonly List<IStore> _opened = [];

    /// <summary>The clock of the case, given to every store it opens.</summary>
    public ManualTimeProvider Time { get; } = new();

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
    /// <param name="time">The clock to use.</param>
    /// <returns>The store: what another process would have, as far as the engine can tell.</returns>
    protected abstract IStore Open(TimeProvider time);

    /// <summary>Removes the namespace.</summary>
    protected virtual ValueTask CleanUpAsync() => ValueTask.CompletedTask;

    /// <summary>Closes what the case opened and removes the namespace.</summary>
    public async ValueTask DisposeAsync()
    {
        await CloseStoresAsync().ConfigureAwait(false);
        await CleanUpAsync().ConfigureAwait(false);
        GC.SuppressFinalize(this);
    }

    internal async Task CloseStoresAsync()
    {
        foreach (var store in _opened)
        {
            await store.DisposeAsync().ConfigureAwait(false);
        }

        _opened.Clear();
    }

    internal IStore Connect()
    {
        var store = Open(Clock);
        _opened.Add(store);
        return store;
    }

    internal TimeProvider Clock => FollowsClock ? Time : TimeProvider.System;

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
}
