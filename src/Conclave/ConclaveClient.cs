using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Serialization.Metadata;
using Conclave.Storage;

namespace Conclave;

/// <summary>
/// The entry point: everything Conclave offers, on one store. Make one for the life of the application; it holds one session, opened when it
/// is first needed, that all claims share. All members may be called concurrently.
/// </summary>
public sealed class ConclaveClient : IAsyncDisposable
{
    internal const string MapReflection = "Values are turned into JSON by reflection; give a JsonTypeInfo or a serializer instead.";

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

    /// <summary>What the tools of other packages stand on.</summary>
    internal Coordinator Coordinator => _coordinator;

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

    /// <summary>Several locks at once, all or none, without deadlocks.</summary>
    /// <param name="names">From 1 to 16 names; the same name twice counts once. Each is the same lock as <see cref="Lock"/> gives.</param>
    /// <returns>A handle; cheap and stateless.</returns>
    /// <exception cref="ArgumentException">There are no names or too many, or one is empty, too long or not well-formed.</exception>
    public DistributedMultiLock Locks(params ReadOnlySpan<string> names) => new(_coordinator, names);

    /// <summary>A reader-writer lock by name.</summary>
    /// <param name="name">The name; see <see cref="Lock"/>.</param>
    /// <returns>A handle; cheap and stateless.</returns>
    /// <exception cref="ArgumentException">The name is empty, too long or not well-formed.</exception>
    public DistributedReaderWriterLock ReaderWriterLock(string name) => new(_coordinator, name);

    /// <summary>A semaphore by name.</summary>
    /// <param name="name">The name; see <see cref="Lock"/>.</param>
    /// <param name="permits">How many permits there are, at least 1. All who use the name must agree.</param>
    /// <returns>A handle; cheap and stateless.</returns>
    /// <exception cref="ArgumentException">The name is empty, too long or not well-formed.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="permits"/> is less than 1.</exception>
    public DistributedSemaphore Semaphore(string name, int permits) => new(_coordinator, name, permits);

    /// <summary>A leader election by name.</summary>
    /// <param name="name">What is led; see <see cref="Lock"/>.</param>
    /// <returns>A handle; cheap and stateless.</returns>
    /// <exception cref="ArgumentException">The name is empty, too long or not well-formed.</exception>
    public LeaderElection Election(string name) => new(_coordinator, name);

    /// <summary>A group of processes by name.</summary>
    /// <param name="name">The name; see <see cref="Lock"/>.</param>
    /// <returns>A handle; cheap and stateless.</returns>
    /// <exception cref="ArgumentException">The name is empty, too long or not well-formed.</exception>
    public MemberGroup Group(string name) => new(_coordinator, name);

    /// <summary>A barrier by name.</summary>
    /// <param name="name">The name; see <see cref="Lock"/>.</param>
    /// <param name="participants">How many must arrive, from 1 to 10,000. All who use the name must agree.</param>
    /// <returns>A handle; cheap and stateless.</returns>
    /// <exception cref="ArgumentException">The name is empty, too long or not well-formed.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="participants"/> is out of its range.</exception>
    public DistributedBarrier Barrier(string name, int participants) => new(_coordinator, name, participants);

    /// <summary>A countdown by name.</summary>
    /// <param name="name">The name; see <see cref="Lock"/>.</param>
    /// <param name="count">How many signals it takes, at least 1. All who use the name must agree.</param>
    /// <returns>A handle; cheap and stateless.</returns>
    /// <exception cref="ArgumentException">The name is empty, too long or not well-formed.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is less than 1.</exception>
    public DistributedCountdown Countdown(string name, int count) => new(_coordinator, name, count);

    /// <summary>A counter by name.</summary>
    /// <param name="name">The name; see <see cref="Lock"/>.</param>
    /// <returns>A handle; cheap and stateless.</returns>
    /// <exception cref="ArgumentException">The name is empty, too long or not well-formed.</exception>
    public DistributedCounter Counter(string name) => new(_coordinator, name);

    /// <summary>A map by name, with values as JSON by the metadata of a source generator. Safe for trimming and native compilation.</summary>
    /// <param name="name">The name; see <see cref="Lock"/>.</param>
    /// <param name="type">What to know about the values, such as <c>AppJson.Default.Order</c>.</param>
    /// <param name="options">The settings, or null for the defaults.</param>
    /// <typeparam name="TKey">The keys.</typeparam>
    /// <typeparam name="TValue">The values.</typeparam>
    /// <returns>A handle; cheap and stateless.</returns>
    /// <exception cref="ArgumentException">The name is empty, too long or not well-formed; there is no format for the keys.</exception>
    public DistributedMap<TKey, TValue> Map<TKey, TValue>(string name, JsonTypeInfo<TValue> type, MapOptions<TKey>? options = null)
        where TKey : notnull
    {
        ArgumentNullException.ThrowIfNull(type);
        return new(_coordinator, name, new JsonMapSerializer<TValue>(type), options);
    }

    /// <summary>A map by name, with values in a form of your own.</summary>
    /// <param name="name">The name; see <see cref="Lock"/>.</param>
    /// <param name="serializer">How values become bytes.</param>
    /// <param name="options">The settings, or null for the defaults.</param>
    /// <typeparam name="TKey">The keys.</typeparam>
    /// <typeparam name="TValue">The values.</typeparam>
    /// <returns>A handle; cheap and stateless.</returns>
    /// <exception cref="ArgumentException">The name is empty, too long or not well-formed; there is no format for the keys.</exception>
    public DistributedMap<TKey, TValue> Map<TKey, TValue>(string name, IMapSerializer<TValue> serializer, MapOptions<TKey>? options = null)
        where TKey : notnull =>
        new(_coordinator, name, serializer, options);

    /// <summary>A map by name, with values as JSON by reflection.</summary>
    /// <param name="name">The name; see <see cref="Lock"/>.</param>
    /// <param name="options">The settings, or null for the defaults.</param>
    /// <typeparam name="TKey">The keys.</typeparam>
    /// <typeparam name="TValue">The values.</typeparam>
    /// <returns>A handle; cheap and stateless.</returns>
    /// <exception cref="ArgumentException">The name is empty, too long or not well-formed; there is no format for the keys.</exception>
    [RequiresUnreferencedCode(MapReflection)]
    [RequiresDynamicCode(MapReflection)]
    public DistributedMap<TKey, TValue> Map<TKey, TValue>(string name, MapOptions<TKey>? options = null)
        where TKey : notnull =>
        new(_coordinator, name, JsonMapSerializer<TValue>.ByReflection(), options);

    /// <summary>Reads all locks that are held or waited for, in the order of their keys.</summary>
    /// <param name="cancellationToken">Cancels the enumeration.</param>
    /// <returns>One snapshot per lock; each is of one instant, all of them together are not.</returns>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    public IAsyncEnumerable<ClaimQueueSnapshot> ListLocksAsync(CancellationToken cancellationToken = default) =>
        ListAsync(DistributedLock.Kind, n => Lock(n).InspectAsync(cancellationToken), cancellationToken);

    /// <summary>Reads all reader-writer locks that are held or waited for, in the order of their keys.</summary>
    /// <inheritdoc cref="ListLocksAsync"/>
    public IAsyncEnumerable<ClaimQueueSnapshot> ListReaderWriterLocksAsync(CancellationToken cancellationToken = default) =>
        ListAsync(DistributedReaderWriterLock.Kind, n => ReaderWriterLock(n).InspectAsync(cancellationToken), cancellationToken);

    /// <summary>Reads all semaphores of which permits are held or waited for, in the order of their keys.</summary>
    /// <inheritdoc cref="ListLocksAsync"/>
    public IAsyncEnumerable<ClaimQueueSnapshot> ListSemaphoresAsync(CancellationToken cancellationToken = default) =>
        ListAsync(DistributedSemaphore.Kind, n => Semaphore(n, permits: 1).InspectAsync(cancellationToken), cancellationToken);

    /// <summary>Reads all elections that somebody leads or campaigns for, in the order of their keys.</summary>
    /// <inheritdoc cref="ListLocksAsync"/>
    public IAsyncEnumerable<ClaimQueueSnapshot> ListElectionsAsync(CancellationToken cancellationToken = default) =>
        ListAsync(LeaderElection.Kind, n => Election(n).InspectAsync(cancellationToken), cancellationToken);

    private async IAsyncEnumerable<ClaimQueueSnapshot> ListAsync(
        string kind, Func<string, ValueTask<ClaimQueueSnapshot>> inspect, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string prefix = kind + "/";
        string? last = null;
        await foreach (var entry in Store.ScanAsync(prefix, cancellationToken).ConfigureAwait(false))
        {
            int end = entry.Key.IndexOf('/', prefix.Length);
            string segment = end < 0 ? entry.Key[prefix.Length..] : entry.Key[prefix.Length..end];
            string name = StoreNames.Unescape(segment);
            if (segment != last && name.Length > 0 && Encoding.UTF8.GetByteCount(name) <= StoreLimits.MaxNameBytes)
            {
                last = segment;
                var snapshot = await inspect(name).ConfigureAwait(false);
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
