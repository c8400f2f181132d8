using System.Text;
using System.Text.Json.Serialization;
using Conclave.Ownership;

namespace Conclave.Samples.Tools;

/// <summary>The code of docs/tools, one region per page; the tests run it.</summary>
public static class Snippets
{
    public static async Task LockAsync(ConclaveClient conclave, Func<long, CancellationToken, Task> payAsync, CancellationToken cancellationToken)
    {
        // <lock>
        await using (var claim = await conclave.Lock("invoices/2026-11").AcquireAsync(cancellationToken))
        {
            // claim.Lost is cancelled when the lock may no longer be believed; the token lets the receiver refuse a late write
            await payAsync(claim.Token.Value, claim.Lost);
        }
        // </lock>
    }

    public static async Task<bool> TryLockAsync(ConclaveClient conclave, Func<Task> cleanUpAsync)
    {
        // <try>
        await using var claim = await conclave.Lock("nightly-cleanup").TryAcquireAsync();
        if (claim is null)
        {
            return false; // somebody else is at it
        }

        await cleanUpAsync();
        return true;
        // </try>
    }

    public static async Task MultiLockAsync(ConclaveClient conclave, string from, string to, Func<CancellationToken, Task> transferAsync)
    {
        // <multi-lock>
        await using var claim = await conclave.Locks($"account/{from}", $"account/{to}").AcquireAsync(TimeSpan.FromSeconds(30));
        await transferAsync(claim.Lost);
        // </multi-lock>
    }

    public static async Task ReaderWriterLockAsync(ConclaveClient conclave, Func<Task> reportAsync, Func<Task> reindexAsync)
    {
        // <reader-writer-lock>
        var catalog = conclave.ReaderWriterLock("catalog");
        await using (await catalog.AcquireReadAsync())
        {
            await reportAsync(); // together with other readers
        }

        await using (await catalog.AcquireWriteAsync())
        {
            await reindexAsync(); // alone
        }
        // </reader-writer-lock>
    }

    public static async Task SemaphoreAsync(ConclaveClient conclave, Func<CancellationToken, Task> callAsync)
    {
        // <semaphore>
        var slots = conclave.Semaphore("partner-api", permits: 5);
        await using (var permit = await slots.AcquireAsync())
        {
            await callAsync(permit.Lost); // never more than five at a time, in all processes together
        }
        // </semaphore>
    }

    public static async Task ElectionAsync(ConclaveClient conclave, string address, Func<CancellationToken, Task> scheduleAsync, CancellationToken cancellationToken)
    {
        // <election>
        var options = new LeadOptions { Value = Encoding.UTF8.GetBytes(address) };
        await conclave.Election("scheduler").RunAsync(
            async (leadership, lead) =>
            {
                // lead is cancelled when the leadership is lost; it is campaigned for again once this has returned
                await scheduleAsync(lead);
            },
            options,
            cancellationToken);
        // </election>
    }

    public static async Task<string> LeaderAsync(ConclaveClient conclave, CancellationToken cancellationToken)
    {
        // <leader>
        await foreach (var leader in conclave.Election("scheduler").ObserveAsync(cancellationToken))
        {
            if (leader is not null)
            {
                return Encoding.UTF8.GetString(leader.Value.Span);
            }
        }
        // </leader>
        return "";
    }

    public static async Task GroupAsync(ConclaveClient conclave, string address, Action<string> say, CancellationToken cancellationToken)
    {
        // <group>
        var web = conclave.Group("web");
        await using var membership = await web.JoinAsync(Encoding.UTF8.GetBytes(address), cancellationToken);
        await foreach (var change in web.ObserveAsync(cancellationToken))
        {
            say($"{change.Kind} {Encoding.UTF8.GetString(change.Member.Payload.Span)}");
        }
        // </group>
    }

    public static async Task BarrierAsync(ConclaveClient conclave, Func<int, Task> computeAsync)
    {
        // <barrier>
        var barrier = conclave.Barrier("simulation", participants: 3);
        for (int step = 0; step < 10; step++)
        {
            await computeAsync(step);
            await barrier.SignalAndWaitAsync(); // nobody begins the next step before all have done this one
        }
        // </barrier>
    }

    public static async Task CountdownAsync(ConclaveClient conclave, Func<Task> importPartAsync, Func<Task> publishAsync)
    {
        // <countdown>
        var imports = conclave.Countdown("import/2026-11", count: 4);
        await importPartAsync();
        await imports.SignalAsync();

        await imports.WaitAsync(); // anywhere, also in a process that begins later
        await publishAsync();
        // </countdown>
    }

    public static async Task<long> CounterAsync(ConclaveClient conclave)
    {
        // <counter>
        long invoice = await conclave.Counter("invoice-number").AddAsync();
        // </counter>
        return invoice;
    }

    public static async Task OwnershipAsync(ConclaveClient conclave, string requestId, Func<Task> mergeAsync, CancellationToken cancellationToken)
    {
        // <ownership>
        var branches = conclave.Owner("branches");
        await using var ownership = await branches.OwnAsync("4:repo/main", owner: requestId, cancellationToken);
        await mergeAsync(); // ends with a compare-and-set of its own: that decides
        // </ownership>
    }

    public static async Task TryOwnershipAsync(ConclaveClient conclave, string requestId, Func<Task> mergeAsync, CancellationToken cancellationToken)
    {
        // <ownership-try>
        await using var ownership = await conclave.Owner("branches").TryOwnAsync("4:repo/main", owner: requestId, TimeSpan.FromSeconds(5), cancellationToken);
        await mergeAsync(); // also when it is null
        // </ownership-try>
    }

    public static async Task<int> MapAsync(ConclaveClient conclave, Customer ada, CancellationToken cancellationToken)
    {
        // <map>
        var customers = conclave.Map<string, Customer>("customers", AppJson.Default.Customer);
        await customers.SetAsync("ada", ada, cancellationToken);

        var entry = await customers.GetAsync("ada", cancellationToken); // null when there is none
        var updated = await customers.UpdateAsync("ada", c => c is null ? null : c with { Orders = c.Orders + 1 }, cancellationToken);
        // </map>
        return (updated?.Value.Orders ?? 0) - (entry?.Value.Orders ?? 0);
    }

    public static async Task<bool> MapRevisionAsync(ConclaveClient conclave, Func<Customer, Task<Customer>> editAsync)
    {
        var customers = conclave.Map<string, Customer>("customers", AppJson.Default.Customer);

        // <map-revision>
        if (await customers.GetAsync("ada") is not { } seen)
        {
            return false;
        }

        var edited = await editAsync(seen.Value); // takes as long as it takes
        return await customers.TrySetAsync("ada", edited, seen.Revision) is not null; // false: somebody was faster
        // </map-revision>
    }

    public static async Task<long> MapAllAsync(ConclaveClient conclave, Action<string> say, CancellationToken cancellationToken)
    {
        var customers = conclave.Map<string, Customer>("customers", AppJson.Default.Customer);

        // <map-all>
        await foreach (var (name, customer) in customers.EnumerateAsync(cancellationToken))
        {
            say($"{name}: {customer.Orders}");
        }

        long changed = await customers.UpdateAllAsync(entry => entry.Value with { Orders = 0 }, cancellationToken);
        // </map-all>
        return changed;
    }

    public static async Task MapDamagedAsync(ConclaveClient conclave, Action<string> say)
    {
        var customers = conclave.Map<string, Customer>("customers", AppJson.Default.Customer);

        // <map-damaged>
        await foreach (var entry in customers.EnumerateAsync())
        {
            say(entry.Error is { } error ? error.Message : $"{entry.Key}: {entry.Value.Orders}");
        }
        // </map-damaged>
    }

    public static async Task MapWatchAsync(ConclaveClient conclave, IDictionary<string, Customer> cache, CancellationToken cancellationToken)
    {
        var customers = conclave.Map<string, Customer>("customers", AppJson.Default.Customer);

        // <map-watch>
        await foreach (var change in customers.ObserveAsync(cancellationToken))
        {
            if (change.Entry is { } entry)
            {
                cache[change.Key] = entry.Value;
            }
            else
            {
                cache.Remove(change.Key);
            }
        }
        // </map-watch>
    }

    public static async Task MapLockAsync(ConclaveClient conclave, Func<CancellationToken, Task> shipAsync)
    {
        var customers = conclave.Map<string, Customer>("customers", AppJson.Default.Customer);

        // <map-lock>
        await using var claim = await customers.Lock("ada").AcquireAsync();
        await shipAsync(claim.Lost);
        // </map-lock>
    }
}

// <map-json>
public sealed record Customer(string Name, int Orders);

[JsonSerializable(typeof(Customer))]
public sealed partial class AppJson : JsonSerializerContext;
// </map-json>
