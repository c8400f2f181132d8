using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Conclave.Storage;

namespace Conclave.Redis.Tests;

public sealed class TlsTests
{
    [Fact]
    public async Task Tls_works_and_its_absence_is_named_on_both_sides()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        var folder = Directory.CreateTempSubdirectory("conclave-tls-");
        string cert = Path.Combine(folder.FullName, "cert.pem");
        string keyFile = Path.Combine(folder.FullName, "key.pem");
        await File.WriteAllTextAsync(cert, certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(keyFile, key.ExportPkcs8PrivateKeyPem());
        int tlsPort = RedisServer.FreePort();
        await using var server = await RedisServer.StartAsync(arguments:
            ["--tls-port", $"{tlsPort}", "--tls-cert-file", cert, "--tls-key-file", keyFile, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no"]);
        var secure = server.Options() with
        {
            Hosts = [new("127.0.0.1", tlsPort)],
            UseTls = true,
            TlsOptions = new() { RemoteCertificateValidationCallback = (_, presented, _, _) => presented!.GetCertHashString() == certificate.GetCertHashString() },
        };
        await using (var store = new RedisStore(secure))
        {
            await store.PutAsync("x", new byte[300_000]);
            Assert.Equal(300_000, (await store.GetAsync("x"))!.Value.Length);
            long revision = (await store.CommitAsync(new())).Revision;
            var wait = store.WaitForChangeAsync("x", revision).AsTask();
            await store.DeleteAsync("x");
            await wait.InTime();
        }

        await using (var untrusted = new RedisStore(secure with { TlsOptions = null }))
        {
            await Assert.ThrowsAsync<StoreAccessException>(async () => await untrusted.GetAsync("x"));
        }

        await using (var toPlain = new RedisStore(secure with { Hosts = [new("127.0.0.1", server.Port)], ConnectTimeout = TimeSpan.FromMilliseconds(500) }))
        {
            // a server without TLS waits for the end of a line that never comes
            var silent = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await toPlain.GetAsync("x"));
            Assert.Contains("redis://", silent.Message, StringComparison.Ordinal);
        }

        await using (var plain = new RedisStore(server.Options() with { Hosts = [new("127.0.0.1", tlsPort)] }))
        {
            var refused = await Assert.ThrowsAnyAsync<ConclaveException>(async () => await plain.GetAsync("x"));
            Assert.Contains("rediss", refused.Message, StringComparison.Ordinal);
        }

        folder.Delete(recursive: true);
    }
}
