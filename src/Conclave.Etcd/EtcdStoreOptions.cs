using System.Text;
using Conclave.Storage;
using Microsoft.Extensions.Logging;

namespace Conclave.Etcd;

/// <summary>Where an <see cref="EtcdStore"/> finds its cluster, and how it introduces itself. Printing it never shows the password.</summary>
public sealed record EtcdStoreOptions
{
    internal const int DefaultPort = 2379;

    private const int MaxEndpoints = 16;

    /// <summary>The client addresses of the members, in the order to try them; port 2379 where none is given.</summary>
    public required IReadOnlyList<StoreHost> Endpoints { get; init; }

    /// <summary>
    /// The namespace: every key begins with it and a slash. Whoever names the same one shares locks; one namespace must not lie within another.
    /// </summary>
    /// <value><c>conclave</c>; up to 256 UTF-8 bytes without control characters, not ending in a slash.</value>
    public string Namespace { get; init; } = "conclave";

    /// <summary>Whether to speak TLS, or null for yes when <see cref="CaFile"/> or <see cref="CertificateFile"/> is set.</summary>
    /// <value>null.</value>
    public bool? Tls { get; init; }

    /// <summary>A PEM file with the authorities that may have issued the servers' certificates, or null for those the machine trusts.</summary>
    /// <value>null.</value>
    public string? CaFile { get; init; }

    /// <summary>A PEM file with the client's certificate, or null for none.</summary>
    /// <value>null.</value>
    public string? CertificateFile { get; init; }

    /// <summary>A PEM file with the key of <see cref="CertificateFile"/>, or null when that file holds it too.</summary>
    /// <value>null.</value>
    public string? KeyFile { get; init; }

    /// <summary>The user, where etcd's authentication is enabled, or null.</summary>
    /// <value>null.</value>
    public string? User { get; init; }

    /// <summary>The password of <see cref="User"/>.</summary>
    /// <value>null.</value>
    public string? Password { get; init; }

    /// <summary>How long making a connection to one member may take, TLS and the first answer included.</summary>
    /// <value>2 seconds; from 50 milliseconds to 1 minute.</value>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How long one member may take to answer, before another one is asked; a writing commit without an answer ends in
    /// <see cref="OutcomeUnknownException"/>.
    /// </summary>
    /// <value>3 seconds; from 50 milliseconds to 1 minute.</value>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>The clock of every timeout and pause. Sessions run on the clock of the cluster.</summary>
    /// <value><see cref="TimeProvider.System"/>.</value>
    public TimeProvider? TimeProvider { get; init; }

    /// <summary>Where to log, or null.</summary>
    /// <value>null.</value>
    public ILoggerFactory? LoggerFactory { get; init; }

    internal bool UsesTls => Tls ?? (CaFile is not null || CertificateFile is not null);

    internal void Check()
    {
        if (Endpoints is null || Endpoints.Count is 0 or > MaxEndpoints)
        {
            throw new ArgumentException($"EtcdStoreOptions.Endpoints must name from 1 to {MaxEndpoints} hosts.", nameof(Endpoints));
        }

        foreach (var endpoint in Endpoints)
        {
            if (Uri.CheckHostName(endpoint.Name) == UriHostNameType.Unknown || endpoint.Port is < 1 or > 65535)
            {
                throw new ArgumentException($"EtcdStoreOptions.Endpoints holds '{endpoint}', which is no host and port.", nameof(Endpoints));
            }
        }

        ArgumentException.ThrowIfNullOrEmpty(Namespace);
        if (Namespace[^1] == '/' || Namespace.Any(char.IsControl) || Encoding.UTF8.GetByteCount(Namespace) > StoreLimits.MaxNameBytes)
        {
            throw new ArgumentException(
                $"EtcdStoreOptions.Namespace must have at most {StoreLimits.MaxNameBytes} UTF-8 bytes, no control characters, and no slash at its end.",
                nameof(Namespace));
        }

        if (Tls == false && (CaFile is not null || CertificateFile is not null))
        {
            throw new ArgumentException("EtcdStoreOptions.Tls is false, but CaFile or CertificateFile is set; leave one of them out.", nameof(Tls));
        }

        if (KeyFile is not null && CertificateFile is null)
        {
            throw new ArgumentException("EtcdStoreOptions.KeyFile needs CertificateFile.", nameof(KeyFile));
        }

        if (Password is not null && string.IsNullOrEmpty(User))
        {
            throw new ArgumentException("EtcdStoreOptions.Password needs User.", nameof(Password));
        }

        if (User is not null && Password is null)
        {
            throw new ArgumentException("EtcdStoreOptions.User needs Password; a user of a client certificate needs neither.", nameof(User));
        }

        CheckTimeout(ConnectTimeout, nameof(ConnectTimeout));
        CheckTimeout(AnswerTimeout, nameof(AnswerTimeout));
    }

    private static void CheckTimeout(TimeSpan timeout, string name)
    {
        if (timeout < TimeSpan.FromMilliseconds(50) || timeout > TimeSpan.FromMinutes(1))
        {
            throw new ArgumentOutOfRangeException(name, timeout, $"EtcdStoreOptions.{name} must be from 50 milliseconds to 1 minute.");
        }
    }

    // what a record prints by itself would hold the password
    private bool PrintMembers(StringBuilder text)
    {
        text.Append("Endpoints = ").AppendJoin(',', Endpoints ?? [])
            .Append(", Namespace = ").Append(Namespace)
            .Append(", TLS = ").Append(UsesTls)
            .Append(", User = ").Append(User);
        return true;
    }
}
