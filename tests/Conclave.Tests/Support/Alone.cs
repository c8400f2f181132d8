namespace Conclave.Tests;

/// <summary>Tests that run by themselves: they take every thread of the pool, or a bound in time is what they are about.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
