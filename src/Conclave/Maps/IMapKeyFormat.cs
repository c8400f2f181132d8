namespace Conclave;

/// <summary>How the keys of a map become text. Implement it for a type of your own; it may be called concurrently.</summary>
/// <remarks>A map is enumerated in the order of the UTF-8 bytes of these texts, so a format that keeps the order of the keys keeps it there too.</remarks>
/// <typeparam name="TKey">The keys.</typeparam>
public interface IMapKeyFormat<TKey>
{
    /// <summary>Turns a key into text.</summary>
    /// <param name="key">The key; never null.</param>
    /// <returns>Text that no other key has.</returns>
    string ToText(TKey key);

    /// <summary>Turns text back into the key.</summary>
    /// <param name="text">What <see cref="ToText"/> returned, or what somebody else wrote.</param>
    /// <returns>The key.</returns>
    /// <exception cref="FormatException">The text is no key.</exception>
    TKey FromText(string text);
}
