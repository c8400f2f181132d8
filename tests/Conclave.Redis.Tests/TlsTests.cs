using Conclave.Storage;

namespace Conclave.Redis.Tests;

public sealed class TlsTests
{
    [Fact]
    public async Task Tls_works_and_its_absence_is_named_on_both_sides()
    {
        await using var plainServer = await RedisServer.StartAsync();
        await using var server = await Servers.RedisServer.StartAsync(new() { Tls = Servers.Tls.Server });
        var secure = plainServer.Options() with
        {
            Hosts = [new(server.Host, server.Port)],
            UseTls = true,
            TlsOptions = server.Certificates!.ClientOptions(),
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

        await using (var toPlain = new RedisStore(secure with { Hosts = [new("127.0.0.1", plainServer.Port)], ConnectTimeout = TimeSpan.FromMilliseconds(500) }))
        {
            // a server without TLS waits for the end of a line that never comes
            var silent = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await toPlain.GetAsync("x"));
            Assert.Contains("redis://", silent.Message, StringComparison.Ordinal);
        }

        await using (var plain = new RedisStore(secure with { UseTls = false, TlsOptions = null }))
        {
            var refused = await Assert.ThrowsAnyAsync<ConclaveException>(async () => await plain.GetAsync("x"));
            Assert.Contains("rediss", refused.Message, StringComparison.Ordinal);
        }
    }
}
