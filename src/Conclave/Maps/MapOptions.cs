namespace Conclave;

/// <summary>The settings of a <see cref="DistributedMap{TKey, TValue}"/>. All processes that use a map must agree.</summary>
/// <typeparam name="TKey">The keys.</typeparam>
public sealed record MapOptions<TKey>
    where TKey : notnull
{
    /// <summary>How keys become text, or null for the built-in format of <see cref="string"/>, <see cref="Guid"/>, and integers of up to 64 bits.</summary>
    /// <value>null.</value>
    public IMapKeyFormat<TKey>? KeyFormat { get; init; }
}
