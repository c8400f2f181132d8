using System.Reflection;
using Conclave.Sqlite;
using Conclave.Storage;

namespace Conclave.Tests;

/// <summary>Rules that our own public surface keeps.</summary>
public sealed class PublicSurfaceTests
{
    private static readonly Assembly[] Shipped = [typeof(ConclaveClient).Assembly, typeof(SqliteStore).Assembly, typeof(Ownership.MostlyCorrectOwner).Assembly];

    public static TheoryData<Type> PublicTypes => [.. Shipped.SelectMany(a => a.GetExportedTypes())];

    [Theory]
    [MemberData(nameof(PublicTypes))]
    public void A_class_is_sealed_unless_it_is_made_to_be_derived_from(Type type) =>
        Assert.True(!type.IsClass || type.IsSealed || type.IsAbstract || type == typeof(Claim), $"{type} is neither sealed nor abstract");

    [Theory]
    [MemberData(nameof(PublicTypes))]
    public void Whatever_returns_a_task_takes_a_cancellation_token_last(Type type)
    {
        foreach (var method in type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
        {
            bool isAsync = typeof(Task).IsAssignableFrom(method.ReturnType)
                || (method.ReturnType.IsGenericType && method.ReturnType.Name.StartsWith("ValueTask", StringComparison.Ordinal))
                || method.ReturnType == typeof(ValueTask);
            if (isAsync && method.Name != nameof(IAsyncDisposable.DisposeAsync))
            {
                Assert.Equal(typeof(CancellationToken), method.GetParameters()[^1].ParameterType);
                Assert.EndsWith("Async", method.Name, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void The_core_knows_no_engine_and_no_console()
    {
        string[] references = [.. typeof(ConclaveClient).Assembly.GetReferencedAssemblies().Select(a => a.Name!)];

        Assert.All(references, r => Assert.True(r.StartsWith("System.", StringComparison.Ordinal) || r == "Microsoft.Extensions.Logging.Abstractions", r));
        Assert.DoesNotContain("System.Console", references);
        Assert.All(
            typeof(SqliteStore).Assembly.GetReferencedAssemblies().Where(a => a.Name!.StartsWith("Conclave", StringComparison.Ordinal)),
            a => Assert.Equal("Conclave", a.Name));
    }

    [Fact]
    public async Task The_example_of_the_readme_works()
    {
        var folder = Directory.CreateTempSubdirectory("conclave-readme-");
        string file = Path.Combine(folder.FullName, "app.db");
        var cancellationToken = CancellationToken.None;
        int saved = 0;

        await using (var conclave = new ConclaveClient(new SqliteStore(file)))
        {
            await using (var claim = await conclave.Lock("orders/42").AcquireAsync(cancellationToken))
            {
                await SaveAsync(claim.Token, claim.Lost);
            }
        }

        Assert.Equal(1, saved);
        folder.Delete(recursive: true);

        Task SaveAsync(FencingToken token, CancellationToken lost)
        {
            Assert.True(token.Value > 0 && !lost.IsCancellationRequested);
            saved++;
            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task A_catalog_with_sqlite_makes_stores_of_files()
    {
        var catalog = new StoreCatalog().AddSqlite();

        await using var store = catalog.Create(StoreUri.Parse("sqlite:some.db"));

        Assert.Equal(Path.GetFullPath("some.db"), store.Description.Address);
        Assert.Equal(["memory", "sqlite"], catalog.Schemes);
    }
}
