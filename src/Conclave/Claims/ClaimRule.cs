using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Conclave;

internal enum ClaimRuleKind
{
    Exclusive,
    Shared,
    Permits,
    Present,
}

/// <summary>Who of a queue is granted.</summary>
/// <param name="Kind">The rule.</param>
/// <param name="Permits">n of the rule permits(n); 0 for the others.</param>
/// <param name="Weight">How many of the permits this contender wants; 1 for the others.</param>
internal readonly record struct ClaimRule(ClaimRuleKind Kind, int Permits = 0, int Weight = 1)
{
    public static ClaimRule Exclusive { get; } = new(ClaimRuleKind.Exclusive);

    public static ClaimRule Shared { get; } = new(ClaimRuleKind.Shared);

    public static ClaimRule Present { get; } = new(ClaimRuleKind.Present);

    public static ClaimRule OfPermits(int permits, int weight = 1) => new(ClaimRuleKind.Permits, permits, weight);

    /// <summary>Whether contenders of the two rules may stand in one queue.</summary>
    public bool Mixes(ClaimRule other) => (Kind == other.Kind && Permits == other.Permits) || (IsLock && other.IsLock);

    public override string ToString() => Kind == ClaimRuleKind.Permits
        ? Permits == 1 ? "one with 1 permit" : string.Create(CultureInfo.InvariantCulture, $"one with {Permits} permits")
        : Kind.ToString().ToLowerInvariant();

    private bool IsLock => Kind is ClaimRuleKind.Exclusive or ClaimRuleKind.Shared;

    /// <summary>
    /// The value of a contender: its rule, its n, and when it joined (by its own wall clock, for people only):
    /// <c>permits 3 1767225600000</c>, and how many permits it wants when that is more than one: <c>permits 3 1767225600000 2</c>.
    /// </summary>
    public byte[] ToValue(DateTimeOffset joined)
    {
        Span<byte> text = stackalloc byte[64];
        int length = Encoding.UTF8.GetBytes(Word(Kind), text);
        text[length++] = (byte)' ';
        Utf8Formatter.TryFormat(Permits, text[length..], out int written);
        length += written;
        text[length++] = (byte)' ';
        Utf8Formatter.TryFormat(joined.ToUnixTimeMilliseconds(), text[length..], out written);
        length += written;
        if (Weight > 1)
        {
            text[length++] = (byte)' ';
            Utf8Formatter.TryFormat(Weight, text[length..], out written);
            length += written;
        }

        return text[..length].ToArray();
    }

    /// <summary>Reads a contender's value, of which the rule is the first line. What we cannot read is a foreign client's, and counts as exclusive.</summary>
    public static ClaimRule Parse(ReadOnlySpan<byte> value, out DateTimeOffset? joined)
    {
        joined = null;
        int line = value.IndexOf((byte)'\n');
        value = line < 0 ? value : value[..line];
        string[] parts = value.Length > 64 ? [] : Encoding.UTF8.GetString(value).Split(' ');
        int weight = 1;
        if (parts.Length is not (3 or 4)
            || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int permits)
            || !long.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out long milliseconds)
            || milliseconds > DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            || (parts.Length == 4 && (!int.TryParse(parts[3], NumberStyles.None, CultureInfo.InvariantCulture, out weight) || weight < 1)))
        {
            return Exclusive;
        }

        foreach (var kind in (ReadOnlySpan<ClaimRuleKind>)[ClaimRuleKind.Exclusive, ClaimRuleKind.Shared, ClaimRuleKind.Permits, ClaimRuleKind.Present])
        {
            if (parts[0] == Word(kind))
            {
                joined = DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
                return new(kind, permits, weight);
            }
        }

        return Exclusive;
    }

    private static string Word(ClaimRuleKind kind) => kind switch
    {
        ClaimRuleKind.Exclusive => "exclusive",
        ClaimRuleKind.Shared => "shared",
        ClaimRuleKind.Permits => "permits",
        _ => "present",
    };
}
