namespace Conclave.Servers;

/// <summary>One of the two ways through a proxy.</summary>
public enum Direction
{
    /// <summary>Requests.</summary>
    ToServer,

    /// <summary>Answers.</summary>
    ToClient,
}
