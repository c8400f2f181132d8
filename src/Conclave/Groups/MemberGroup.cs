using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Conclave.Storage;

namespace Conclave;

/// <summary>
/// A group by name: which processes are there, and what each tells about itself. A member that ends, however it ends, is gone with its session.
/// Cheap and stateless; make one whenever you need it.
/// </summary>
public sealed class MemberGroup
{
    internal const string Kind = "group";

    private readonly Coordinator _coordinator;
    private readonly ClaimQueue _queue;

    internal MemberGroup(Coordinator coordinator, string name) => (_coordinator, _queue) = (coordinator, new ClaimQueue(coordinator, Kind, name));

    /// <summary>The name.</summary>
    public string Name => _queue.Name;

    /// <summary>Joins the group. A process may join more than once; each is a member.</summary>
    /// <param name="payload">What the member tells about itself, for example its address.</param>
    /// <param name="cancellationToken">Cancels the call; nothing is left behind.</param>
    /// <returns>The membership; dispose it to leave.</returns>
    /// <inheritdoc cref="DistributedLock.AcquireAsync(CancellationToken)" path="/exception"/>
    public async ValueTask<Membership> JoinAsync(ReadOnlyMemory<byte> payload = default, CancellationToken cancellationToken = default)
    {
        byte[] value = Member.ToValue(payload.Span, _coordinator.Time);
        var hold = await _queue.AcquireAsync(ClaimRule.Present, Timeout.InfiniteTimeSpan, value, cancellationToken: cancellationToken).ConfigureAwait(false);
        return new Membership(hold!);
    }

    /// <summary>Reads who is in the group.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The members at one instant, in the order in which they joined.</returns>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    public async ValueTask<ImmutableArray<Member>> GetMembersAsync(CancellationToken cancellationToken = default) =>
        Members(await _queue.ReadAsync(cancellationToken).ConfigureAwait(false));

    /// <summary>
    /// Watches the group: everybody who is there as joined, in the order of joining, then every join, leave and change of a payload. A member that
    /// comes and goes within the time of a round trip may not be seen. Survives outages: what changed meanwhile is told afterwards.
    /// </summary>
    /// <param name="cancellationToken">Ends the watch.</param>
    /// <returns>Changes; it ends only by cancellation or an error that no repetition mends.</returns>
    public async IAsyncEnumerable<GroupChange> ObserveAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var known = new Dictionary<string, (Member Member, long Revision)>(StringComparer.Ordinal);
        await foreach (var result in _coordinator.ObserveAsync(_queue, _ => _queue.Prefixes[0], cancellationToken).ConfigureAwait(false))
        {
            var now = result.Reads[0].OrderBy(e => e.CreateRevision).ThenBy(e => e.Key, KeyOrder.Instance).ToArray();
            foreach (var (key, (member, _)) in known.ExceptBy(now.Select(e => e.Key), k => k.Key).ToArray())
            {
                known.Remove(key);
                yield return new(GroupChangeKind.Left, member);
            }

            foreach (var entry in now)
            {
                bool isKnown = known.TryGetValue(entry.Key, out var before);
                if (!isKnown || before.Revision != entry.Revision)
                {
                    var member = Member.Of(entry, _queue.Epoch(result));
                    known[entry.Key] = (member, entry.Revision);
                    yield return new(isKnown ? GroupChangeKind.Changed : GroupChangeKind.Joined, member);
                }
            }
        }
    }

    private ImmutableArray<Member> Members(CommitResult result) =>
        [.. result.Reads[0].OrderBy(e => e.CreateRevision).ThenBy(e => e.Key, KeyOrder.Instance).Select(e => Member.Of(e, _queue.Epoch(result)))];
}
