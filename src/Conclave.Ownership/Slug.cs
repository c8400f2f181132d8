using System.Security.Cryptography;

namespace Conclave.Ownership;

/// <summary>What makes every acquisition's owner its own: 21 characters of 64, 126 random bits.</summary>
/// <remarks>Source: nanoid, as the original uses it.</remarks>
internal static class Slug
{
    private const string Alphabet = "_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    private const int Length = 21;

    public static string New() => RandomNumberGenerator.GetString(Alphabet, Length);

    /// <summary>The slug of a full owner: what stands behind the last '#'.</summary>
    public static ReadOnlySpan<char> Of(string owner) => owner.AsSpan(owner.LastIndexOf('#') + 1);
}
