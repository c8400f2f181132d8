namespace Conclave.Timekeeping;

/// <summary>What a clock knows about its own error.</summary>
public enum ClockState
{
    /// <summary>It has not been compared with anything yet. No bound is claimed.</summary>
    Unsynchronized,

    /// <summary>Enough sources answered lately and agree. The bound holds.</summary>
    Synchronized,

    /// <summary>Too few sources answer. The bound of before still holds; it grows by the drift until they answer again.</summary>
    Holdover,

    /// <summary>Sources contradict each other, or what was known before. No bound is claimed.</summary>
    Untrusted,
}
