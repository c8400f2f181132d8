namespace Conclave;

/// <summary>A place in a group: until it is left (released), or lost with the session. Dispose it to leave.</summary>
public sealed class Membership : Claim
{
    private readonly EntryUpdate _payload;

    internal Membership(ClaimHold hold)
        : base(hold) => _payload = new(this, $"the membership in '{Name}'");

    /// <summary>What names this member, as <see cref="Member.Id"/> does for everybody.</summary>
    public string Id => Hold.Mine[0].Key[(Hold.Mine[0].Key.LastIndexOf('/') + 1)..];

    /// <summary>Changes what the member tells about itself.</summary>
    /// <param name="payload">The new payload.</param>
    /// <param name="cancellationToken">Cancels the wait; the payload may have been changed.</param>
    /// <exception cref="ClaimLostException">The membership is lost or left.</exception>
    /// <exception cref="StoreUnavailableException">The store did not confirm within the operation timeout; the payload may have been changed.</exception>
    public ValueTask UpdateAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default) =>
        _payload.PutAsync(Member.ToValue(payload.Span, Hold.Coordinator.Time), cancellationToken);
}
