using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Conclave.Storage;

namespace Conclave.Consul;

/// <summary>The certificates of an agent's connections, read from their files when the first is made.</summary>
internal static class TlsFiles
{
    /// <exception cref="StoreConfigurationException">A file is missing or holds no certificate.</exception>
    public static SslClientAuthenticationOptions Load(ConsulStoreOptions options, StoreHost host)
    {
        var ssl = new SslClientAuthenticationOptions { TargetHost = host.Name };
        if (options.CaFile is { } ca)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            Read("ca", ca, policy.CustomTrustStore.ImportFromPemFile);
            ssl.CertificateChainPolicy = policy;
        }

        if (options.CertificateFile is { } certificate)
        {
            Read("cert", certificate, file => ssl.ClientCertificates = [X509Certificate2.CreateFromPemFile(file, options.KeyFile)]);
        }

        return ssl;
    }

    private static void Read(string option, string file, Action<string> read)
    {
        try
        {
            read(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new StoreConfigurationException($"The Consul store's {option} file '{file}' cannot be used: {e.Message}", e);
        }
    }
}
