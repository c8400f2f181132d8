using System.Runtime.CompilerServices;
using System.Text;
using Conclave.Storage;

namespace Conclave;

/// <summary>
/// The entry point: everything Conclave offers, on one store. Make one for the life of the application; it holds one session, opened when it
/// is first needed, that all claims share. All members may be called concurrently.
/// </summary>
public sealed class ConclaveClient : IAsyncDisposable
{
    private readonly Coordinator _coordinator;

    /// <summary>Creates a client. Does no I/O.</summary>
    /// <param name="store">The store; disposed with the client unless <see cref="ConclaveOptions.LeaveStoreOpen"/> is set.</param>
    /// <param name="options">The settings, or null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public ConclaveClient(IStore store, ConclaveOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(store);
        options ??= new();
        options.Check();
        _coordinator = new(store, options);
    }

    /// <summary>The store.</summary>
    public IStore Store => _coordinator.Store;

    /// <summary>Asks the store once, to see that it is there.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>What the store guarantees.</returns>
    /// <exception cref="ConclaveException">The store cannot be used; the type says why.</exception>
    public async ValueTask<StoreDescription> PingAsync(CancellationToken cancellationToken = default)
    {
        _ = await Store.GetAsync(StoreNames.EpochKey, cancellationToken).ConfigureAwait(false);
        return Store.Description;
    }

    /// <summary>A lock by name.</summary>
    /// <param name="name">The name: 1 to 256 UTF-8 bytes without control characters. <c>a/b</c> and <c>a</c> are different locks.</param>
    /// <returns>A handle; cheap and stateless.</returns>
    /// <exception cref="ArgumentException">The name is empty, too long or not well-formed.</exception>
    public DistributedLock Lock(string name) => new(_coordinator, name);

    /// <summary>Reads all locks that are held or waited for, in the order of their keys.</summary>
    /// <param name="cancellationToken">Cancels the enumeration.</param>
    /// <returns>One snapshot per lock; each is of one instant, all of them together are not.</returns>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    public async IAsyncEnumerable<ClaimQueueSnapshot> ListLocksAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        const string prefix = DistributedLock.Kind + "/";
        string? last = null;
        await foreach (var entry in Store.ScanAsync(prefix, cancellationToken).ConfigureAwait(false))
        {
            int end = entry.Key.IndexOf('/', prefix.Length);
            string segment = end < 0 ? entry.Key[prefix.Length..] : entry.Key[prefix.Length..end];
            string name = StoreNames.Unescape(segment);
            if (segment != last && name.Length > 0 && Encoding.UTF8.GetByteCount(name) <= StoreLimits.MaxNameBytes)
            {
                last = segment;
                var snapshot = await Lock(name).InspectAsync(cancellationToken).ConfigureAwait(false);
                if (snapshot.Holder is not null)
                {
                    yield return snapshot;
                }
            }
        }
    }

    /// <summary>
    /// Closes the session, which releases every claim, waits for all background work, and disposes the store. Never throws for trouble with
    /// the store.
    /// </summary>
    public ValueTask DisposeAsync() => _coordinator.DisposeAsync();
}
