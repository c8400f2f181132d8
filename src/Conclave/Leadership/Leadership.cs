namespace Conclave;

/// <summary>A leadership that was won: until it is resigned (released), or lost. Dispose it to resign.</summary>
public sealed class Leadership : Claim
{
    private readonly EntryUpdate _value;

    internal Leadership(ClaimHold hold)
        : base(hold) => _value = new(this, $"the leadership of '{Name}'");

    /// <summary>Changes what the leader tells about itself, for everybody who asks or watches.</summary>
    /// <param name="value">The new value.</param>
    /// <param name="cancellationToken">Cancels the wait; the value may have been changed.</param>
    /// <exception cref="ClaimLostException">The leadership is lost or resigned.</exception>
    /// <exception cref="StoreUnavailableException">The store did not confirm within the operation timeout; the value may have been changed.</exception>
    public ValueTask ProclaimAsync(ReadOnlyMemory<byte> value, CancellationToken cancellationToken = default) => _value.PutAsync(value.ToArray(), cancellationToken);
}
