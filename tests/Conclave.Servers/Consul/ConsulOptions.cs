namespace Conclave.Servers;

/// <summary>How a Consul is started.</summary>
public sealed record ConsulOptions
{
    /// <summary>Turns access control on, with nothing allowed but to this token, which may do everything.</summary>
    /// <value>Null: anybody may do anything. A GUID, as Consul wants it.</value>
    public string? ManagementToken { get; init; }

    /// <summary>The shortest time to live that a session may ask for.</summary>
    /// <value>10 seconds, as Consul has it.</value>
    public TimeSpan SessionTtlMinimum { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>More of its command line, such as <c>-hcl</c> and a piece of configuration.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];
}
