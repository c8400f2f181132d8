using Conclave.Storage;

namespace Conclave;

/// <summary>One member of a group.</summary>
/// <param name="Id">What names the member, as long as it is there and never again.</param>
/// <param name="Payload">What it tells about itself.</param>
/// <param name="Token">The token of its membership: larger for who joined later.</param>
/// <param name="Since">When it joined, by its own wall clock; null for a foreign client's.</param>
public sealed record Member(string Id, ReadOnlyMemory<byte> Payload, FencingToken Token, DateTimeOffset? Since)
{
    /// <summary>An entry's value: the rule in the first line, then the payload.</summary>
    internal static byte[] ToValue(ReadOnlySpan<byte> payload, TimeProvider time) => [.. ClaimRule.Present.ToValue(time.GetUtcNow()), (byte)'\n', .. payload];

    internal static Member Of(Entry entry, long epoch)
    {
        _ = ClaimRule.Parse(entry.Value.Span, out var joined);
        int line = entry.Value.Span.IndexOf((byte)'\n');
        string id = entry.Key[(entry.Key.LastIndexOf('/') + 1)..];
        return new(id, line < 0 ? default : entry.Value[(line + 1)..], FencingToken.Create(epoch, entry.CreateRevision), joined);
    }
}

/// <summary>A change of a group.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Member">To whom; as it was last seen when it has left.</param>
public sealed record GroupChange(GroupChangeKind Kind, Member Member);

/// <summary>What can happen in a group.</summary>
public enum GroupChangeKind
{
    /// <summary>A member is there that was not before.</summary>
    Joined,

    /// <summary>A member tells something else about itself.</summary>
    Changed,

    /// <summary>A member is gone: it left, or its session ended.</summary>
    Left,
}
