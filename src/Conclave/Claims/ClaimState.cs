namespace Conclave;

/// <summary>How sure a holder may be.</summary>
public enum ClaimState
{
    /// <summary>Held, and renewed in time.</summary>
    Safe,

    /// <summary>Held, but a renewal is overdue: finish soon, or prepare to stop.</summary>
    AtRisk,

    /// <summary>No longer held; somebody else may hold it.</summary>
    Lost,

    /// <summary>Given up by us.</summary>
    Released,
}
