using System.Collections.Immutable;
using Conclave.Storage;

namespace Conclave.Samples;

/// <summary>
/// Stands for the store that you write: the directory store, with a bug of your choice to see what the kit says. The variable PLANTED_BUG
/// may be <c>equal-bytes</c> or <c>utf-16</c>. Where KEEP_STORES_IN names a directory, the stores are there, and stay when the kit is killed.
/// </summary>
internal sealed class MyStore(string folder, TimeProvider time) : IStore
{
    private readonly DirectoryStore _store = new(new()
    {
        Path = Environment.GetEnvironmentVariable("KEEP_STORES_IN") is { } kept ? Path.Combine(kept, Path.GetFileName(folder)) : folder,
        TimeProvider = time,
    });

    private readonly string? _bug = Environment.GetEnvironmentVariable("PLANTED_BUG");

    public StoreDescription Description => _store.Description;

    public async ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
    {
        if (_bug == "equal-bytes" && transaction.Writes is [{ IsDelete: false } put])
        {
            var old = await _store.GetAsync(put.Key, cancellationToken);
            if (old is not null && old.Value.Span.SequenceEqual(put.Value.Span))
            {
                // "nothing to do": what a careless engine thinks
                return await _store.CommitAsync(new([.. transaction.Conditions], [], [.. transaction.Reads]), cancellationToken);
            }
        }

        var result = await _store.CommitAsync(transaction, cancellationToken);
        return _bug == "utf-16" ? new(result.Accepted, result.Revision, [.. result.Reads.Select(InTheOrderOfUtf16)]) : result;
    }

    public ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) =>
        _store.WaitForChangeAsync(prefix, afterRevision, cancellationToken);

    public ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default) =>
        _store.OpenSessionAsync(timeToLive, cancellationToken);

    public ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default) =>
        _store.RenewSessionAsync(session, cancellationToken);

    public ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default) =>
        _store.CloseSessionAsync(session, cancellationToken);

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    private static ImmutableArray<Entry> InTheOrderOfUtf16(ImmutableArray<Entry> entries) => [.. entries.OrderBy(e => e.Key, StringComparer.Ordinal)];
}
