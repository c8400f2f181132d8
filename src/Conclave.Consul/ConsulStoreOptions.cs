using System.Text;
using Conclave.Storage;
using Microsoft.Extensions.Logging;

namespace Conclave.Consul;

/// <summary>Where a <see cref="ConsulStore"/> finds its agents, and how it introduces itself. Printing it never shows the token.</summary>
public sealed record ConsulStoreOptions
{
    internal const int DefaultPort = 8500;
    internal const int DefaultTlsPort = 8501;

    private const int MaxAgents = 16;

    /// <summary>The HTTP addresses of the agents, in the order to try them; port 8500, with TLS 8501, where none is given.</summary>
    public required IReadOnlyList<StoreHost> Agents { get; init; }

    /// <summary>
    /// The namespace: every key begins with it and a slash. Whoever names the same one shares locks; one namespace must not lie within another.
    /// </summary>
    /// <value><c>conclave</c>; up to 256 UTF-8 bytes of printable characters, no slash at an end, no segment that is empty or made of dots.</value>
    public string Namespace { get; init; } = "conclave";

    /// <summary>The datacenter, or null for that of the agents.</summary>
    /// <value>null.</value>
    public string? Datacenter { get; init; }

    /// <summary>The ACL token, or null. It needs <c>write</c> on the keys of the namespace and on sessions.</summary>
    /// <value>null.</value>
    public string? Token { get; init; }

    /// <summary>Whether to speak TLS, or null for yes when <see cref="CaFile"/> or <see cref="CertificateFile"/> is set.</summary>
    /// <value>null.</value>
    public bool? Tls { get; init; }

    /// <summary>A PEM file with the authorities that may have issued the agents' certificates, or null for those the machine trusts.</summary>
    /// <value>null.</value>
    public string? CaFile { get; init; }

    /// <summary>A PEM file with the client's certificate, or null for none.</summary>
    /// <value>null.</value>
    public string? CertificateFile { get; init; }

    /// <summary>A PEM file with the key of <see cref="CertificateFile"/>, or null when that file holds it too.</summary>
    /// <value>null.</value>
    public string? KeyFile { get; init; }

    /// <summary>The shortest time to live that the servers allow: what <c>session_ttl_min</c> is there. Shorter ones are raised to it.</summary>
    /// <value>10 seconds, as Consul has it; from 2 seconds to 10 minutes.</value>
    public TimeSpan MinTimeToLive { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long making a connection to one agent may take.</summary>
    /// <value>1 second; from 50 milliseconds to 1 minute.</value>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long one agent may take to answer, before another one is asked; a writing commit without an answer ends in
    /// <see cref="OutcomeUnknownException"/>.
    /// </summary>
    /// <value>3 seconds; from 50 milliseconds to 1 minute.</value>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>The clock of every timeout and pause. Sessions run on the clock of Consul's leader.</summary>
    /// <value><see cref="TimeProvider.System"/>.</value>
    public TimeProvider? TimeProvider { get; init; }

    /// <summary>Where to log, or null.</summary>
    /// <value>null.</value>
    public ILoggerFactory? LoggerFactory { get; init; }

    internal bool UsesTls => Tls ?? (CaFile is not null || CertificateFile is not null);

    internal void Check()
    {
        if (Agents is null || Agents.Count is 0 or > MaxAgents)
        {
            throw new ArgumentException($"ConsulStoreOptions.Agents must name from 1 to {MaxAgents} hosts.", nameof(Agents));
        }

        foreach (var agent in Agents)
        {
            if (Uri.CheckHostName(agent.Name) == UriHostNameType.Unknown || agent.Port is < 1 or > 65535)
            {
                throw new ArgumentException($"ConsulStoreOptions.Agents holds '{agent}', which is no host and port.", nameof(Agents));
            }
        }

        ArgumentException.ThrowIfNullOrEmpty(Namespace);
        if (ConsulKeys.SafeLength(Namespace) != Namespace.Length || Namespace[^1] == '/' || Namespace[0] == '/'
            || Encoding.UTF8.GetByteCount(Namespace) > StoreLimits.MaxNameBytes)
        {
            throw new ArgumentException(
                $"ConsulStoreOptions.Namespace must have at most {StoreLimits.MaxNameBytes} UTF-8 bytes of printable characters, and no segment that is empty, '.' or '..'.",
                nameof(Namespace));
        }

        if (Tls == false && (CaFile is not null || CertificateFile is not null))
        {
            throw new ArgumentException("ConsulStoreOptions.Tls is false, but CaFile or CertificateFile is set; leave one of them out.", nameof(Tls));
        }

        if (KeyFile is not null && CertificateFile is null)
        {
            throw new ArgumentException("ConsulStoreOptions.KeyFile needs CertificateFile.", nameof(KeyFile));
        }

        // it becomes a header; the message must not show it
        if (Token is not null && (Token.Length == 0 || Token.Any(c => c is <= ' ' or > '~')))
        {
            throw new ArgumentException("ConsulStoreOptions.Token must be printable ASCII without blanks.", nameof(Token));
        }

        CheckRange(MinTimeToLive, StoreLimits.MinTimeToLive, StoreLimits.MaxTimeToLive, nameof(MinTimeToLive));
        CheckRange(ConnectTimeout, TimeSpan.FromMilliseconds(50), TimeSpan.FromMinutes(1), nameof(ConnectTimeout));
        CheckRange(AnswerTimeout, TimeSpan.FromMilliseconds(50), TimeSpan.FromMinutes(1), nameof(AnswerTimeout));
    }

    private static void CheckRange(TimeSpan span, TimeSpan least, TimeSpan most, string name)
    {
        if (span < least || span > most)
        {
            throw new ArgumentOutOfRangeException(name, span, $"ConsulStoreOptions.{name} must be from {least.TotalSeconds} to {most.TotalSeconds} seconds.");
        }
    }

    // what a record prints by itself would hold the token
    private bool PrintMembers(StringBuilder text)
    {
        text.Append("Agents = ").AppendJoin(',', Agents ?? [])
            .Append(", Namespace = ").Append(Namespace)
            .Append(", Datacenter = ").Append(Datacenter)
            .Append(", TLS = ").Append(UsesTls)
            .Append(", Token = ").Append(Token is null ? "none" : "***");
        return true;
    }
}
