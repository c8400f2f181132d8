using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Conclave.Storage;

namespace Conclave.Tests.Maps;

/// <summary>A map that is made while it is read, so that nothing of it is alive but what the reader holds.</summary>
internal sealed class GeneratedStore(int entries, int size) : IStore
{
    private readonly byte[] _value = Encoding.UTF8.GetBytes('"' + new string('v', size - 2) + '"');

    public int Commits { get; private set; }

    public int LargestPage { get; private set; }

    /// <summary>The largest one behind the first, when the size of entries is known.</summary>
    public int LargestLaterPage { get; private set; }

    public StoreDescription Description { get; } = new()
    {
        Engine = "generated",
        Address = "",
        Reach = StoreReach.Process,
        Durability = StoreDurability.None,
        ExpiryClock = ExpiryClock.Monotonic,
        ExpiryBound = TimeSpan.Zero,
    };

    public ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
    {
        var scan = transaction.Reads.Single();
        int first = scan.StartAfter is { } after ? int.Parse(after.AsSpan(scan.Key.Length), NumberStyles.None, CultureInfo.InvariantCulture) + 1 : 0;
        ImmutableArray<Entry> page = [.. Enumerable.Range(first, Math.Min(scan.Limit, entries - first)).Select(i => new Entry($"{scan.Key}{i:D20}", _value.ToArray(), 1, 1, null))];
        Commits++;
        LargestPage = Math.Max(LargestPage, page.Length);
        LargestLaterPage = first == 0 ? LargestLaterPage : Math.Max(LargestLaterPage, page.Length);
        return new(new CommitResult(true, 1, [page]));
    }

    public ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public ValueTask DisposeAsync() => default;
}
