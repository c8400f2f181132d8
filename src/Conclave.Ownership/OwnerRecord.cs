using System.Globalization;
using Conclave.Ownership.Messages;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace Conclave.Ownership;

/// <summary>
/// Who owns a key, in the bytes of the original: owner, expiry, comment. The expiry is for original clients, who compare it with their wall
/// clock; ours only see whether there is one. For how long a record is good stands in the comment, which is free text to the original.
/// </summary>
/// <param name="Owner">The caller's owner, '#', and the slug of the acquisition.</param>
/// <param name="Expires">When it expires by the wall clock of whoever wrote it; null once it was released.</param>
/// <param name="Comment">For people, and for how long a record of ours is good.</param>
internal sealed record OwnerRecord(string Owner, DateTimeOffset? Expires, string Comment)
{
    private const string LastsMark = " +";
    private const string LastsUnit = "ms";

    /// <summary>A record of ours.</summary>
    /// <param name="owner">The caller's owner and the slug.</param>
    /// <param name="now">What the wall clock says.</param>
    /// <param name="lasts">For how long it is good.</param>
    public static OwnerRecord Of(string owner, DateTimeOffset now, TimeSpan lasts) =>
        new(owner, now + lasts, string.Create(CultureInfo.InvariantCulture, $"{owner}@{now:O}{LastsMark}{Math.Ceiling(lasts.TotalMilliseconds):0}{LastsUnit}"));

    /// <summary>True when nobody owns the key: the expiry is missing, empty or the Unix epoch, as the original leaves it.</summary>
    public bool IsReleased => Expires is null;

    /// <summary>For how long it is good without being refreshed, or null where that is not told, as by an original client.</summary>
    public TimeSpan? Lasts
    {
        get
        {
            int mark = Comment.LastIndexOf(LastsMark, StringComparison.Ordinal);
            return mark >= 0 && Comment.EndsWith(LastsUnit, StringComparison.Ordinal)
                && int.TryParse(Comment.AsSpan(mark + LastsMark.Length)[..^LastsUnit.Length], NumberStyles.None, CultureInfo.InvariantCulture, out int milliseconds)
                && TimeSpan.FromMilliseconds(milliseconds) is var lasts && lasts >= OwnerOptions.Shortest && lasts <= OwnerOptions.Longest
                ? lasts
                : null;
        }
    }

    /// <summary>Whether this is the record of one acquisition.</summary>
    public bool IsOf(string slug) => Slug.Of(Owner).SequenceEqual(slug);

    /// <summary>The same owner, from now on.</summary>
    public OwnerRecord Renewed(DateTimeOffset now, TimeSpan lasts) => this with { Expires = now + lasts };

    public byte[] ToBytes() => new MostlyCorrectOwnership
    {
        Owner = Owner,
        Expires = Expires is { } expires ? Timestamp.FromDateTimeOffset(expires) : new(),
        Comment = Comment,
    }.ToByteArray();

    /// <summary>Reads a record.</summary>
    /// <returns>Null when the bytes are no record.</returns>
    public static OwnerRecord? TryParse(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            var message = MostlyCorrectOwnership.Parser.ParseFrom(bytes.Span);
            return new(message.Owner, Expiry(message.Expires), message.Comment);
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    // a time that no calendar has is some time all the same: only a missing one says that nobody owns the key
    private static DateTimeOffset? Expiry(Timestamp? expires) => expires switch
    {
        null or { Seconds: 0, Nanos: 0 } => null,
        { Seconds: < -62135596800 } => DateTimeOffset.MinValue,
        { Seconds: > 253402300799 } => DateTimeOffset.MaxValue,
        _ => DateTimeOffset.FromUnixTimeSeconds(expires.Seconds).AddTicks(Math.Clamp(expires.Nanos, 0, 999_999_999) / 100),
    };
}
