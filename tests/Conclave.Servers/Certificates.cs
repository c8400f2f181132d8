using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Conclave.Servers;

/// <summary>What of TLS a server wants.</summary>
public enum Tls
{
    /// <summary>Plain connections.</summary>
    None,

    /// <summary>The server shows a certificate.</summary>
    Server,

    /// <summary>The client has to show one too.</summary>
    Mutual,
}

/// <summary>An authority of its own, with a certificate for a server on the loopback interface and one for a client.</summary>
public sealed class Certificates : IDisposable
{
    /// <summary>Makes new ones, which are valid for some days.</summary>
    public Certificates()
    {
        var now = TimeProvider.System.GetUtcNow();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        Authority = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(10));
        Server = Issue("server");
        Client = Issue("client");
    }

    /// <summary>Whom to trust.</summary>
    public X509Certificate2 Authority { get; }

    /// <summary>For 127.0.0.1 and localhost.</summary>
    public X509Certificate2 Server { get; }

    /// <summary>For a client called <c>client</c>.</summary>
    public X509Certificate2 Client { get; }

    /// <summary>Writes ca.pem, server.pem, server.key, client.pem and client.key.</summary>
    public void WriteTo(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "ca.pem"), Authority.ExportCertificatePem());
        foreach (var (name, certificate) in new[] { ("server", Server), ("client", Client) })
        {
            File.WriteAllText(Path.Combine(folder, name + ".pem"), certificate.ExportCertificatePem());
            using var key = certificate.GetECDsaPrivateKey()!;
            string file = Path.Combine(folder, name + ".key");
            File.WriteAllText(file, key.ExportPkcs8PrivateKeyPem());
            // PostgreSQL wants its key to be nobody else's
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
    }

    /// <summary>What a client needs to trust the server and to be trusted.</summary>
    public SslClientAuthenticationOptions ClientOptions() => new()
    {
        TargetHost = "localhost",
        ClientCertificates = [Client],
        CertificateChainPolicy = new()
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            CustomTrustStore = { Authority },
            RevocationMode = X509RevocationMode.NoCheck,
        },
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        Authority.Dispose();
        Server.Dispose();
        Client.Dispose();
    }

    private X509Certificate2 Issue(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var issued = request.Create(Authority, now.AddHours(-1), now.AddDays(5), RandomNumberGenerator.GetBytes(8));
        return issued.CopyWithPrivateKey(key);
    }
}
